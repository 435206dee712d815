//! PostgreSQL's disk is full: writes are refused in order, reads go on, and with room again all goes on by itself.
//!
//! The disk is one in memory, mounted where only the program sees it. For that the program is started in a user
//! namespace of its own, which most systems allow everybody.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::process::Command;

use super::load::{Load, Told, Writer, Written, check_stored, make, register};
use crate::cluster;
use crate::process::Process;

/// Room for an empty database and its log of 16 MB pieces, in MiB.
const DISK_MIB: usize = 160;
/// Long enough that a few fill the pages that are there.
const DESCRIPTION_CHARS: usize = 15_000;
/// With so many, room would have been needed many times.
const WRITES_MAX: usize = 400;
static BLOCK: [u8; 64 * 1024] = [0; 64 * 1024];

/// As root of a new user namespace mounts the disk, then becomes an ordinary user of one more, as PostgreSQL runs for
/// nobody who is root. Each step becomes the next, so what is started is in the end the program itself.
const START: &str = r#"mount -t tmpfs -o size="$2"m,mode=0700 tmpfs "$1" &&
    exec unshare --user --map-user=1000 --map-group=1000 "$3" serve --embedded --migrate"#;

/// The program with its own database on its own small disk.
struct SmallDisk {
    process: Process,
    folder: TempDir,
}

impl SmallDisk {
    async fn start() -> Self {
        let folder = tempfile::tempdir_in(cluster::folder_of_runs()).expect("a temporary folder");
        let mut command = Command::new("unshare");
        command
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", START, "sh"])
            .arg(folder.path())
            .args([&DISK_MIB.to_string(), env!("CARGO_BIN_EXE_almanac")])
            .env("ALMANAC_DATA_DIR", folder.path().join("data"))
            .env("PORT", "0")
            .env("RATE_LIMIT_SCALE", "1000");
        Self { process: Process::spawn(command).await, folder }
    }

    /// What takes the room, seen from outside of the program's namespace.
    fn ballast(&self) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.process.pid()));
        let inside = self.folder.path().strip_prefix("/").expect("an absolute path");
        root.join(inside).join("ballast")
    }

    /// Takes the last byte.
    fn fill(&self) {
        let mut ballast = File::create(self.ballast()).expect("a file on the disk");
        while ballast.write_all(&BLOCK).is_ok() {}
        // What is left is less than a block.
        while ballast.write_all(&BLOCK[..1024]).is_ok() {}
    }

    fn make_room(&self) {
        std::fs::remove_file(self.ballast()).expect("the file goes");
    }
}

/// Whether this system lets its users have namespaces; containers often do not.
async fn can_mount() -> bool {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]);
    command.stderr(Stdio::null()).status().await.is_ok_and(|status| status.success())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stderr, reason = "what is not shown is said")]
async fn refuses_writes_while_the_disk_is_full_and_goes_on_afterwards() {
    if !can_mount().await {
        eprintln!("Not shown here: a full disk, as this system lets nobody mount one.");
        return;
    }
    let disk = SmallDisk::start().await;
    let alice = register(&disk.process.visitor(), "alice").await;
    let mut before = Writer::new(alice.clone(), "before");
    assert!(before.write_one().await);

    disk.fill();
    let (written, refused_key) = write_until_refused(&before).await;
    for path in ["/api/tasks", "/api/changes?after=0", "/api/users/me", "/api/health", "/api/health?deep=1"] {
        assert_eq!(alice.get(path).await.status, 200, "{path}");
    }

    disk.make_room();
    let mut after = Writer::new(alice.clone(), "after");
    after.written = written;
    after.written.open_key = Some(refused_key);
    assert!(after.write_one().await, "what was refused can be sent again");
    let load = Load::start(vec![Writer::new(alice.clone(), "more")]);
    load.until_more(20).await;
    let mut written: Vec<Written> = load.stop().await.into_iter().map(|writer| writer.written).collect();
    written.extend([before.written, after.written]);
    check_stored(&alice, written.iter()).await;
}

/// Makes long tasks until one is refused, and gives what was acknowledged and the key of the one that was not.
async fn write_until_refused(writer: &Writer) -> (Written, String) {
    let mut written = Written::default();
    // Every one has its own words, so that they do not compress away.
    let words = |number: usize| -> String {
        (0..).map(|word| format!("{:x} ", (number * 7919 + word) * 104_729)).take(DESCRIPTION_CHARS / 8).collect()
    };
    for number in 0..WRITES_MAX {
        let key = format!("long-{number}");
        match make(&writer.actor, &key, &words(number)).await {
            Told::Made(id) => drop(written.acknowledged.insert(key, id)),
            Told::Refused => return (written, key),
            Told::CutOff => panic!("the program answers, however full the disk is"),
        }
    }
    panic!("the disk is not full")
}
