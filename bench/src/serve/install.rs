//! The peers, installed from their registries with pinned versions, below `target/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Says what an installation was made from, so that it is made anew when that changes.
const MARKER: &str = "installed-from";

/// Where the peers are.
pub(super) struct Installed {
    /// The folder with `server.js` and its packages.
    pub(super) node: Option<PathBuf>,
    /// The folder with `app.py`, and the interpreter that has its packages.
    pub(super) python: Option<(PathBuf, PathBuf)>,
}

/// Copies the peers to `folder` and installs their packages, unless they are there already.
pub(super) fn install(folder: &Path, has: impl Fn(&str) -> bool) -> Result<Installed> {
    let node = has("node").then(|| install_node(&folder.join("node"))).transpose()?;
    let python = has("python").then(|| install_python(&folder.join("python"))).transpose()?;
    Ok(Installed { node, python })
}

fn install_node(folder: &Path) -> Result<PathBuf> {
    copy(&sources().join("node"), folder)?;
    once(folder, "package-lock.json", || {
        output(Command::new("npm").args(["ci", "--loglevel=error"]).current_dir(folder)).map(drop)
    })?;
    Ok(folder.to_owned())
}

fn install_python(folder: &Path) -> Result<(PathBuf, PathBuf)> {
    copy(&sources().join("python"), folder)?;
    let environment = folder.join("venv");
    let python = environment.join("bin/python");
    once(folder, "requirements.txt", || {
        let _absent = fs::remove_dir_all(&environment);
        output(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
        let requirements = folder.join("requirements.txt");
        let mut install = Command::new(&python);
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
        output(install.arg(requirements)).map(drop)
    })?;
    Ok((folder.to_owned(), python))
}

/// The version of a package that an installed peer's `package.json` names.
pub(super) fn version_of_npm(folder: &Path, package: &str) -> Result<String> {
    let list: Value = serde_json::from_slice(&fs::read(folder.join("package.json"))?)?;
    let version = list["dependencies"][package].as_str();
    version.map(str::to_owned).with_context(|| format!("package.json names no {package}"))
}

/// The version of a package that an installed peer's `requirements.txt` names, with or without extras.
pub(super) fn version_of_pypi(folder: &Path, package: &str) -> Result<String> {
    let list = fs::read_to_string(folder.join("requirements.txt"))?;
    let mut pinned = list.lines().filter_map(|line| line.split_once("=="));
    let found = pinned.find(|(name, _)| name.split('[').next() == Some(package));
    found.map(|(_, version)| version.to_owned()).with_context(|| format!("requirements.txt names no {package}"))
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// Installs unless that was done from the same list of packages.
fn once(folder: &Path, list: &str, install: impl FnOnce() -> Result<()>) -> Result<()> {
    let (wanted, marker) = (fs::read(folder.join(list))?, folder.join(MARKER));
    if fs::read(&marker).is_ok_and(|made_from| made_from == wanted) {
        return Ok(());
    }
    install()?;
    Ok(fs::write(marker, wanted)?)
}

/// What a command says; it must succeed.
pub(super) fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("{} is needed", command.get_program().display()))?;
    ensure!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_of_the_lists() {
        let check = |version: Result<String>| {
            let version = version.expect("it is in the list");
            assert!(version.split('.').all(|part| part.parse::<u32>().is_ok()), "{version}");
        };
        for package in ["hono", "pg"] {
            check(version_of_npm(&sources().join("node"), package));
        }
        for package in ["asyncpg", "fastapi", "sqlalchemy", "uvicorn"] {
            check(version_of_pypi(&sources().join("python"), package));
        }
        assert!(version_of_npm(&sources().join("node"), "express").is_err());
        assert!(version_of_pypi(&sources().join("python"), "uv").is_err(), "a name is compared whole");
    }
}
