mod chaos;
mod hand_over;
mod provider_away;
pub(crate) mod reading;
mod resume_stream;
mod send_conversation_message;
mod send_message;
mod stop_reply;
mod write_reply;
