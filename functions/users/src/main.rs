//! The `users` function on AWS Lambda.

fn main() {}
