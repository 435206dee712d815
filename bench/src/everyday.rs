//! What clients ask all day, under row-level security, beside `pgbench` running the same SQL on the same database:
//! pages of tasks, searches in notes, looks at the change log, new tasks.

mod fill;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::json;

use crate::almanac::{Almanac, User};
use crate::beside::{Case, HEAD, Question, Time};
use crate::report::Report;
use crate::{upstream, wire};

/// How many users make tasks.
const USERS: usize = 100;
/// How many of them read; they are the ones who have [`THINGS_PER_USER`].
const READERS: usize = 20;
/// How many tasks, and how many notes, a reader has.
const THINGS_PER_USER: usize = 10_000;
const ROWS_PER_PAGE: usize = 50;
/// How many changes a client missed that comes back.
const MISSED: usize = 50;
/// What writes the change log when a task is made.
const LOG_TRIGGER: &str = "log_insert";

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The program to measure.
    #[arg(long, default_value = "../target/release/almanac")]
    almanac: PathBuf,
    /// How often each has its turn.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How many seconds a turn lasts.
    #[arg(long, default_value_t = 2)]
    seconds: u64,
    /// How many clients at once.
    #[arg(long, value_delimiter = ',', default_value = "1,8")]
    at_once: Vec<usize>,
    /// Only what is called like this, for profiling.
    #[arg(long)]
    only: Option<String>,
    /// Where files of the run are kept.
    #[arg(long, default_value = "../target/bench/run/everyday")]
    folder: PathBuf,
}

pub(crate) async fn run(arguments: &Arguments, mut report: Report) -> Result<()> {
    let folder = std::path::absolute(&arguments.folder)?;
    let _absent = fs::remove_dir_all(&folder);
    // No model is asked, but the program wants an address.
    let upstream = upstream::spawn().await?;
    let almanac = Almanac::start(&std::path::absolute(&arguments.almanac)?, &folder, upstream).await?;
    let mut users = almanac.register(USERS).await?;
    fill::fill(&almanac, &users[..READERS]).await?;

    let time = Time { rounds: arguments.rounds, seconds: arguments.seconds };
    report.line(&format!(
        "{READERS} users with {THINGS_PER_USER} tasks and {THINGS_PER_USER} notes each read, pages of {ROWS_PER_PAGE}; \
         {USERS} users make tasks; {} rounds of {} s each.",
        time.rounds, time.seconds
    ));
    report.head(&[&["what"], &HEAD[..]].concat());
    for what in WHATS {
        if arguments.only.as_deref().is_some_and(|only| !what.name.contains(only)) {
            continue;
        }
        almanac.log_in(&mut users).await?;
        log_changes(&almanac, what.is_logged).await?;
        let case = Case::prepare(&almanac, &folder, &what.question(&almanac, &users).await?).await?;
        for &at_once in &arguments.at_once {
            let cells = case.measure(&almanac, at_once, time).await?;
            report.row(&[vec![what.name.to_owned()], cells].concat());
        }
        log_changes(&almanac, true).await?;
    }
    report.save()
}

/// One thing that clients ask.
struct What {
    name: &'static str,
    ask: Ask,
    /// Whether the change log is written.
    is_logged: bool,
}

enum Ask {
    /// A list at this path, of so many rows.
    List(&'static str, usize),
    /// The last so many changes.
    Changes(usize),
    /// A new task.
    Create,
}

const WHATS: [What; 9] = [
    What::logged("tasks, newest first", Ask::List("/api/tasks?limit=50", ROWS_PER_PAGE)),
    What::logged(
        "tasks, open, by due date",
        Ask::List("/api/tasks?limit=50&status=pending,in_progress&sort=due", ROWS_PER_PAGE),
    ),
    What::logged("tasks, all, by due date", Ask::List("/api/tasks?limit=50&sort=due", ROWS_PER_PAGE)),
    What::logged("notes with two words, 20 hits", Ask::List("/api/notes?limit=50&q=harbour%20lantern", fill::HITS)),
    What::logged("notes with a word, 5000 hits", Ask::List("/api/notes?limit=50&q=plan", ROWS_PER_PAGE)),
    What::logged("changes, none new", Ask::Changes(0)),
    What::logged("changes, 50 new", Ask::Changes(MISSED)),
    What::logged("new task", Ask::Create),
    What { name: "new task, not logged", ask: Ask::Create, is_logged: false },
];

impl What {
    const fn logged(name: &'static str, ask: Ask) -> Self {
        Self { name, ask, is_logged: true }
    }

    async fn question(&self, almanac: &Almanac, users: &[User]) -> Result<Question> {
        let get = |user: &User, path: &str| wire::request("GET", path, &[("authorization", &user.bearer())], "");
        let readers = &users[..READERS];
        let name = self.name;
        Ok(match self.ask {
            Ask::List(path, rows) => {
                let requests = readers.iter().map(|user| get(user, path)).collect();
                Question { name, requests, status: "200", rows: Some(rows) }
            }
            Ask::Changes(missed) => {
                let client = almanac.superuser().await?;
                let mut requests = vec![];
                for user in readers {
                    let sql = format!("select max(seq) from changes where user_id = '{}'", user.id);
                    let last: i64 = client.query_one(&sql, &[]).await?.get(0);
                    let after = last - i64::try_from(missed)?;
                    requests.push(get(user, &format!("/api/changes?after={after}")));
                }
                Question { name, requests, status: "200", rows: Some(missed) }
            }
            Ask::Create => {
                let body = json!({"title": "Call the harbour master", "description": "About the berth for June.",
                                  "priority": "high", "due_date": "2026-12-01", "due_time": "09:30:00",
                                  "estimate_minutes": 30, "tags": ["calls", "boat"]})
                .to_string();
                let post =
                    |user: &User| wire::request("POST", "/api/tasks", &[("authorization", &user.bearer())], &body);
                Question { name, requests: users.iter().map(post).collect(), status: "201", rows: None }
            }
        })
    }
}

/// Whether new tasks enter the change log.
async fn log_changes(almanac: &Almanac, is_logged: bool) -> Result<()> {
    let verb = if is_logged { "enable" } else { "disable" };
    let sql = format!("alter table tasks {verb} trigger {LOG_TRIGGER}");
    almanac.superuser().await?.batch_execute(&sql).await.with_context(|| format!("cannot {verb} the change log"))
}
