//! The `health` function on AWS Lambda.

fn main() {}
