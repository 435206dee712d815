//! What holds for every route: problems, ids, entity tags, CORS, limits, log lines.

mod answer_problems;
mod keep_secrets;
mod log_requests;
mod panic;
mod report_errors;
mod revalidate;
mod serve_browsers;
mod trace;
