mod chaos;
mod reading;
mod resume_stream;
mod send_message;
mod stop_reply;
mod write_reply;
