//! The `conversation` function on AWS Lambda.

fn main() {}
