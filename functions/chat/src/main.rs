//! The `chat` function on AWS Lambda.

fn main() {}
