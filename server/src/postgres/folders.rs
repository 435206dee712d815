//! The folders of the embedded database, and the lock that keeps a second program out of them.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base::config::Env;
use sha2::{Digest, Sha256};

use super::account::Account;
use crate::failure::{Failure, Result};

/// The longest address of a Unix socket: 107 bytes on Linux, 103 on macOS.
const SOCKET_ADDRESS_BYTES_MAX: usize = 103;
/// What PostgreSQL calls its socket at the default port.
const SOCKET_NAME: &str = ".s.PGSQL.5432";
/// The file whose lock says that a program uses the folder; it holds that program's number.
const LOCK_NAME: &str = "almanac.lock";

/// Where everything lies. Only the program itself writes here.
#[derive(Debug)]
pub(super) struct Folders {
    /// The folder that holds the rest.
    pub(super) data_dir: PathBuf,
    /// PostgreSQL's data.
    pub(super) cluster: PathBuf,
    /// The folder of the server's socket, open to its account only.
    pub(super) socket: PathBuf,
    /// What the server says.
    pub(super) log: PathBuf,
}

/// The data folder: `ALMANAC_DATA_DIR`, else `/var/lib/almanac` for root, else the XDG data folder.
pub fn data_dir(env: &Env) -> Result<PathBuf> {
    let told = env.get("ALMANAC_DATA_DIR").map(PathBuf::from);
    folder_of(env, told, "/var/lib/almanac", "XDG_DATA_HOME", ".local/share/almanac")
}

/// Where downloaded servers are kept: for root a folder that other accounts can enter, else the XDG cache folder.
pub fn cache_dir(env: &Env) -> Result<PathBuf> {
    folder_of(env, None, "/var/cache/almanac/server", "XDG_CACHE_HOME", ".cache/almanac/server")
}

fn folder_of(env: &Env, told: Option<PathBuf>, of_root: &str, xdg: &str, below_home: &str) -> Result<PathBuf> {
    if let Some(told) = told {
        let absolute = std::path::absolute(&told);
        return absolute.map_err(|error| Failure::new(format!("{} is no usable folder: {error}.", told.display())));
    }
    if rustix::process::geteuid().is_root() {
        return Ok(PathBuf::from(of_root));
    }
    let name = below_home.split_once("almanac").map_or(below_home, |(parent, _)| parent);
    let below_xdg = below_home.strip_prefix(name).unwrap_or(below_home);
    // The specification says to ignore a relative one.
    if let Some(folder) = env.get(xdg).map(PathBuf::from).filter(|folder| folder.is_absolute()) {
        return Ok(folder.join(below_xdg));
    }
    let home = env.get("HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
    home.map(|home| home.join(below_home))
        .ok_or_else(|| Failure::new("HOME is not set. Set ALMANAC_DATA_DIR to a folder for the data."))
}

impl Folders {
    /// Names the folders without touching them.
    pub(super) fn of(data_dir: &Path) -> Self {
        Self {
            data_dir: data_dir.to_owned(),
            cluster: data_dir.join("postgres"),
            socket: socket_folder(data_dir),
            log: data_dir.join("postgres.log"),
        }
    }

    /// Makes the data folder, for its owner only.
    pub(super) fn make(&self) -> Result<()> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.data_dir);
        made.map_err(|error| self.cannot(&error))
    }

    /// Makes the data folder and takes its lock, which lasts as long as the file lives.
    pub(super) fn lock(&self) -> Result<File> {
        self.require_ours()?;
        self.make()?;
        let path = self.data_dir.join(LOCK_NAME);
        let file = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = file.map_err(|error| self.cannot(&error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(self.in_use(&mut file)),
            Err(TryLockError::Error(error)) => return Err(self.cannot(&error)),
        }
        let written = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        written.map_err(|error| self.cannot(&error))?;
        Ok(file)
    }

    /// Refuses a folder with somebody else's files in it.
    fn require_ours(&self) -> Result<()> {
        let is_empty = self.data_dir.read_dir().map_or(true, |mut entries| entries.next().is_none());
        if is_empty || self.data_dir.join(LOCK_NAME).exists() || self.cluster.exists() {
            return Ok(());
        }
        Err(Failure::new(format!(
            "The folder {} holds files that are not Almanac's. Choose a new or empty one with ALMANAC_DATA_DIR.",
            self.data_dir.display()
        )))
    }

    /// Whether the lock could be taken and the folder written, without doing either.
    pub(super) fn inspect(&self) -> Result<()> {
        self.require_ours()?;
        let nearest = self.data_dir.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
        let writable = rustix::fs::access(nearest, rustix::fs::Access::WRITE_OK);
        writable.map_err(|error| self.cannot(&error.into()))?;
        let Ok(mut file) = File::open(self.data_dir.join(LOCK_NAME)) else { return Ok(()) };
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => Err(self.in_use(&mut file)),
            _ => Ok(()),
        }
    }

    /// Makes what the server's account needs, once the lock is held.
    pub(super) fn prepare(&self, account: &Account) -> Result<()> {
        if account.is_lent() && account.blocked_at(&self.data_dir) == Some(self.data_dir.as_path()) {
            // Others may pass through, and see nothing: what lies inside has its own permissions.
            let passable = fs::Permissions::from_mode(0o711);
            fs::set_permissions(&self.data_dir, passable).map_err(|error| self.cannot(&error))?;
        }
        if let Some(folder) = account.blocked_at(&self.data_dir) {
            return Err(Failure::new(format!(
                "PostgreSQL does not run as root, and the account it runs as cannot enter {}. Choose another data folder with ALMANAC_DATA_DIR.",
                folder.display()
            )));
        }
        match DirBuilder::new().mode(0o700).create(&self.socket) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(self.cannot(&error)),
            _ => account.own(&self.socket).map_err(|error| self.cannot(&error))?,
        }
        // In a shared temporary folder somebody else could have been there first.
        let found = self.socket.symlink_metadata().map_err(|error| self.cannot(&error))?;
        if !found.is_dir() || found.uid() != account.uid() || found.mode() & 0o077 != 0 {
            return Err(Failure::new(format!(
                "The folder {} for the database's socket belongs to somebody else or is open to others. Remove it.",
                self.socket.display()
            )));
        }
        Ok(())
    }

    /// The sentence for a file operation that failed below the data folder.
    pub(super) fn cannot(&self, error: &std::io::Error) -> Failure {
        let folder = self.data_dir.display();
        Failure::new(match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                format!("The disk that holds the data folder {folder} is full. Make room, then start again.")
            }
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => format!(
                "The data folder {folder} cannot be written by this user. Change its owner, or choose another one with ALMANAC_DATA_DIR."
            ),
            _ => format!("The data folder {folder} cannot be used: {error}."),
        })
    }

    fn in_use(&self, lock: &mut File) -> Failure {
        let mut owner = String::new();
        let read = lock.rewind().and_then(|()| lock.read_to_string(&mut owner));
        let process = match (read, owner.trim()) {
            (Ok(_), pid) if !pid.is_empty() => format!(" (process {pid})"),
            _ => String::new(),
        };
        Failure::new(format!(
            "Another almanac{process} is running on the data folder {}. Stop it first, or choose another folder with ALMANAC_DATA_DIR.",
            self.data_dir.display()
        ))
    }
}

/// Below the data folder when the address fits, else a short folder in the system's temporary one.
fn socket_folder(data_dir: &Path) -> PathBuf {
    let fits = |folder: &Path| folder.as_os_str().len() + 1 + SOCKET_NAME.len() <= SOCKET_ADDRESS_BYTES_MAX;
    let usual = data_dir.join("socket");
    if fits(&usual) {
        return usual;
    }
    let digest = Sha256::digest(data_dir.as_os_str().as_encoded_bytes());
    let name = format!("almanac-{:02x}{:02x}{:02x}{:02x}", digest[0], digest[1], digest[2], digest[3]);
    let temporary = std::env::temp_dir().join(&name);
    // The account that root lends may not be able to enter root's own temporary folder.
    if fits(&temporary) && !rustix::process::geteuid().is_root() { temporary } else { Path::new("/tmp").join(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_data_folder_gets_a_short_socket_folder() {
        let short = socket_folder(Path::new("/var/lib/almanac"));
        assert_eq!(short, Path::new("/var/lib/almanac/socket"));
        let deep = PathBuf::from(format!("/{}", "deep/".repeat(40)));
        let long = socket_folder(&deep);
        assert!(long.as_os_str().len() + 1 + SOCKET_NAME.len() <= SOCKET_ADDRESS_BYTES_MAX, "{}", long.display());
        assert_ne!(long, socket_folder(&deep.join("other")));
    }
}
