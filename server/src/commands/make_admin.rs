//! `almanac make-admin`: the first administrator. Administrators then make others over the API.

use auth::{Appointment, make_administrator};
use base::config::Env;
use base::{Clock, Db};

use super::{service_env, told};
use crate::failure::{Failure, Result};
use crate::terminal;

pub(super) async fn run(env: Env, user: &str) -> Result<()> {
    let made = async {
        let db = Db::service_from_env(&service_env(env)?).map_err(|error| told(&error))?;
        make_administrator(&db, &Clock::system(), user).await.map_err(|error| told(&error))
    };
    let sentence = match made.await? {
        Appointment::Made(id) => format!("{user} ({id}) is an administrator now."),
        Appointment::Already(id) => format!("{user} ({id}) was an administrator before."),
        Appointment::Deactivated(id) => {
            return Err(Failure::new(format!("The account of {user} ({id}) is deactivated.")));
        }
        Appointment::Unknown => {
            return Err(Failure::new(format!(
                "Nobody signs in here as {user}. Name others, such as Clerk's users, by their id."
            )));
        }
    };
    terminal::say(&sentence);
    Ok(())
}
