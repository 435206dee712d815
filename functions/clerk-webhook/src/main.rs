//! The `clerk-webhook` function on AWS Lambda.

fn main() {}
