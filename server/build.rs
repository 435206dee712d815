//! Rebuilds the program when a migration is added: the macro that embeds the folder cannot see new files.

fn main() {
    println!("cargo::rerun-if-changed=../migrations");
}
