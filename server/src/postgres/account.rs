//! The system account PostgreSQL runs under. It refuses to run as root, so root lends it another one.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::failure::{Failure, Result};

/// Accounts that root hands the server to, the best first. `nobody` is on every system.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// Who runs the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    uid: u32,
    gid: u32,
    /// Whether this is another account than the program's own.
    lent: bool,
}

impl Account {
    /// The program's own account; for root the owner of the data when there is one, else an unprivileged account.
    pub fn choose(cluster: &Path) -> Result<Self> {
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        if uid != 0 {
            return Ok(Self { uid, gid, lent: false });
        }
        // Data stays with the account that made it: an installed package may add `postgres` later.
        if let Ok(owner) = cluster.metadata()
            && owner.uid() != 0
        {
            return Ok(Self { uid: owner.uid(), gid: owner.gid(), lent: true });
        }
        UNPRIVILEGED.into_iter().find_map(Self::named).ok_or_else(|| {
            Failure::new(format!(
                "PostgreSQL does not run as root, and there is no account named {}. Add one, or start the program as an ordinary user.",
                UNPRIVILEGED.join(" or ")
            ))
        })
    }

    /// A command that runs as this account, from a folder everybody can enter.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/");
        if self.lent {
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Whether the program is root and the server runs as somebody else.
    pub fn is_lent(&self) -> bool {
        self.lent
    }

    /// The account's number.
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// Gives a file or folder, and all that is in it, to this account.
    pub fn own(&self, path: &Path) -> std::io::Result<()> {
        if !self.lent {
            return Ok(());
        }
        let metadata = path.symlink_metadata()?;
        if metadata.uid() != self.uid || metadata.gid() != self.gid {
            std::os::unix::fs::lchown(path, Some(self.uid), Some(self.gid))?;
        }
        if metadata.is_dir() {
            for entry in path.read_dir()? {
                match self.own(&entry?.path()) {
                    // What vanished meanwhile needs no owner.
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                    owned => owned?,
                }
            }
        }
        Ok(())
    }

    /// The first folder on the way to `path` (itself included) that this account cannot enter.
    pub fn blocked_at<'a>(&self, path: &'a Path) -> Option<&'a Path> {
        if !self.lent {
            return None;
        }
        let blocked =
            |folder: &&Path| folder.metadata().is_ok_and(|metadata| metadata.is_dir() && !self.may_enter(&metadata));
        path.ancestors().filter(blocked).last()
    }

    fn may_enter(self, folder: &std::fs::Metadata) -> bool {
        let mode = folder.permissions().mode();
        let bit = if folder.uid() == self.uid {
            0o100
        } else if folder.gid() == self.gid {
            0o010
        } else {
            0o001
        };
        mode & bit != 0
    }

    fn named(name: &str) -> Option<Self> {
        Some(Self { uid: id("-u", name)?, gid: id("-g", name)?, lent: true })
    }
}

/// Asks the system for an account's number: the standard library has no look-up by name.
fn id(which: &str, name: &str) -> Option<u32> {
    let output = Command::new("id").args([which, name]).output().ok()?;
    let number = String::from_utf8(output.stdout).ok()?.trim().parse().ok()?;
    (number != 0).then_some(number)
}
