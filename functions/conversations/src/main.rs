//! The `conversations` function on AWS Lambda.

fn main() {}
