//! The `auth` function on AWS Lambda.

fn main() {}
