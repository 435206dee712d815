//! What can be known about the settings before anything is started or changed.

use base::Clock;
use base::config::Env;
use base::queue::Bell;
use chat::LiveReplies;

use super::serve::{DATABASE_NAME, Database};
use super::told;
use crate::failure::{Failure, Result};
use crate::postgres::{self, Options};
use crate::serving::Grace;
use crate::{listen, mount, workers};

/// Refuses settings with which the program could not serve, from a database of its own or from the one that they name.
pub(super) fn check(env: &Env, is_embedded: bool) -> Result<()> {
    base::log::check(env)?;
    Grace::from_env(env)?;
    let (database_url, service_database_url, data_dir) = if is_embedded {
        let data_dir = Options::from_env(env)?.data_dir;
        let url = |role| postgres::url_in(&data_dir, DATABASE_NAME, role);
        (url("almanac_app"), url("almanac_service"), Some(data_dir))
    } else {
        let (app_url, service_url) = Database::urls(env)?;
        let data_dir = env.get("ALMANAC_DATA_DIR").map(|_| postgres::data_dir(env)).transpose()?;
        (app_url, service_url, data_dir)
    };
    let workers = workers::check(env, &service_database_url);
    let settings = mount::Settings {
        env: env.clone(),
        database_url,
        service_database_url,
        data_dir,
        // Where it is not set it is the listener's address, which is right as it is.
        public_url: listen::given_url(env)?.unwrap_or_default(),
        clock: Clock::system(),
        live: LiveReplies::default(),
        bell: Bell::default(),
    };
    let checked = mount::check(settings).and(workers);
    checked.map_err(|error| unstartable(&error))
}

/// Says that the functions could not be built, and why.
pub(super) fn unstartable(error: &base::Error) -> Failure {
    Failure::new(format!("The functions cannot be started: {}", told(error)))
}
