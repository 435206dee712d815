//! The `history` function on AWS Lambda.

fn main() {}
