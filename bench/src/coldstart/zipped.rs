//! What `cargo lambda build --output-format zip` makes.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use zip::ZipArchive;

/// The name that Lambda starts.
const PROGRAM: &str = "bootstrap";

/// A program out of its zip.
pub(super) struct Unpacked {
    pub(super) program: PathBuf,
    pub(super) zip_mb: f64,
    pub(super) mb: f64,
}

/// Takes the program out, to `folder/name`.
pub(super) fn unpack(zip: &Path, folder: &Path, name: &str) -> Result<Unpacked> {
    let file = File::open(zip).with_context(|| format!("{} is needed, see README.md", zip.display()))?;
    let zip_mb = megabytes(file.metadata()?.len());
    let mut archive = ZipArchive::new(file)?;
    let mut packed = archive.by_name(PROGRAM)?;
    fs::create_dir_all(folder)?;
    let program = folder.join(name);
    let bytes = io::copy(&mut packed, &mut File::create(&program)?)?;
    fs::set_permissions(&program, Permissions::from_mode(0o755))?;
    Ok(Unpacked { program, zip_mb, mb: megabytes(bytes) })
}

#[expect(clippy::cast_precision_loss, reason = "a size to one decimal")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
