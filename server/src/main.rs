//! The program `almanac`.

fn main() {}
