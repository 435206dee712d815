//! One run of the program `almanac`, with a data folder of its own.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long anything here may take on a loaded machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Each run's template lies in a folder with this prefix and the process's id.
const TEMPLATE_PREFIX: &str = "almanac-program-";

/// A data folder with a migrated database. Creating one takes a second, so it is done once and copied.
pub(super) fn data_folder() -> TempDir {
    static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();
    let template = TEMPLATE.get_or_init(|| {
        remove_leftovers();
        let folder = std::env::temp_dir().join(format!("{TEMPLATE_PREFIX}{}", std::process::id()));
        let mut program = Program::start(&folder);
        program.wait_until_serving();
        program.stop();
        folder
    });
    let copy = tempfile::tempdir().expect("a temporary folder");
    // `cp` keeps the owners, which PostgreSQL insists on.
    let from = template.join("postgres");
    let status = Command::new("cp").arg("-a").arg(from).arg(copy.path()).status().expect("cp runs");
    assert!(status.success());
    copy
}

/// The templates of runs that are over.
fn remove_leftovers() {
    for entry in std::env::temp_dir().read_dir().into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(TEMPLATE_PREFIX));
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            // Another user's, or being removed by another run: leave it.
            let _not_ours = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// A command of the program that ends by itself.
pub(super) fn run(command: &str, data_dir: &Path, settings: &[(&str, &str)]) -> Output {
    prepare(command, data_dir).envs(settings.iter().copied()).output().expect("the program starts")
}

/// A command that ends by itself and needs no data folder, with these settings only: whether it succeeded, and all that
/// it said.
pub(crate) async fn run_alone<K, V>(arguments: &[&str], settings: impl IntoIterator<Item = (K, V)>) -> (bool, String)
where
    K: AsRef<OsStr>,
    V: AsRef<OsStr>,
{
    let mut program = tokio::process::Command::new(env!("CARGO_BIN_EXE_almanac"));
    program.args(arguments).env_clear().envs(settings).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, program.output()).await;
    let output = output.unwrap_or_else(|_| panic!("{arguments:?} does not end")).expect("the program starts");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).expect("plain text"))
}

fn prepare(command: &str, data_dir: &Path) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_almanac"));
    // A free port, and nothing of the machine's own settings.
    program.arg(command).env("ALMANAC_DATA_DIR", data_dir).env("PORT", "0").env_remove("DATABASE_URL");
    program
}

/// `almanac dev`, ended with this value.
pub(super) struct Program {
    child: Child,
    data_dir: PathBuf,
}

impl Program {
    pub(super) fn start(data_dir: &Path) -> Self {
        let mut command = prepare("dev", data_dir);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the program starts");
        Self { child, data_dir: data_dir.to_owned() }
    }

    /// Waits for the welcome and returns the address in it.
    pub(super) fn wait_until_serving(&mut self) -> String {
        let output = self.child.stdout.take().expect("the output is a pipe");
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        let api = lines.find_map(|line| Some(line.trim().strip_prefix("API")?.trim().to_owned()));
        // The rest is read too, so that the program never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        api.expect("the program serves").trim_end_matches("/api").to_owned()
    }

    /// Ends it as Ctrl-C would.
    pub(super) fn stop(mut self) {
        self.signal("-INT");
        let status = self.child.wait().expect("the program ends");
        assert!(status.success(), "{status}");
        assert_eq!(server_processes(&self.data_dir), 0, "the database ended before the program did");
    }

    /// Ends it in the way that it cannot notice.
    pub(super) fn kill(mut self) {
        self.child.kill().expect("the program can be killed");
        self.child.wait().expect("the program ends");
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status().expect("kill runs");
        assert!(status.success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Already ended in most tests.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// Waits until no process serves the data of this folder any more.
pub(super) fn wait_for_no_server(data_dir: &Path) {
    let start = Instant::now();
    while server_processes(data_dir) > 0 {
        assert!(start.elapsed() < PATIENCE, "a database server was left behind");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// How many processes have the folder's database on their command line.
fn server_processes(data_dir: &Path) -> usize {
    let cluster = data_dir.join("postgres").display().to_string();
    let output = Command::new("ps").args(["-ww", "-eo", "args="]).output().expect("ps runs");
    let processes = String::from_utf8_lossy(&output.stdout);
    processes.lines().filter(|line| line.contains(&cluster) && line.contains(" -D ")).count()
}
