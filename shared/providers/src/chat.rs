//! What is asked of a model and what it answers, in words that fit every vendor.

use crate::error::ProviderError;
use crate::{AnthropicClient, DemoModel, OpenAiClient, ReplyStream};

/// A question to a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatPrompt {
    /// The vendor's own name of the model.
    pub model: String,
    /// Standing instructions, if any.
    pub system: Option<String>,
    /// The conversation so far, oldest first.
    pub turns: Vec<Turn>,
    /// The most tokens the reply may have; absent means the vendor's or the client's default.
    pub output_tokens_max: Option<u32>,
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Who said it.
    pub role: Role,
    /// What was said.
    pub text: String,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The person.
    User,
    /// The model.
    Assistant,
}

impl Role {
    /// The name that the vendors use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// A piece of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplyEvent {
    /// The next piece of the answer.
    Text(String),
    /// The next piece of the model's reasoning.
    Reasoning(String),
    /// The usage so far. A later one replaces an earlier one; they are not to be added up.
    Usage(TokenUsage),
    /// The reply is whole. Always the last event.
    Finished(FinishReason),
}

/// Tokens as the vendor counts and bills them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenUsage {
    /// Of the prompt, cached ones included.
    pub input_tokens: u64,
    /// Of the reply, reasoning included.
    pub output_tokens: u64,
}

/// Why a reply ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinishReason {
    /// The model was done.
    Stop,
    /// The output limit or the model's window was reached.
    Length,
    /// The vendor or the model declined.
    ContentFilter,
    /// The model asks for a tool.
    ToolCalls,
    /// Anything newer than this code.
    Other,
}

impl FinishReason {
    /// The AI SDK's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ContentFilter => "content-filter",
            Self::ToolCalls => "tool-calls",
            Self::Other => "other",
        }
    }
}

/// A whole reply, taken in one piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// The answer.
    pub text: String,
    /// The model that answered, as the vendor names it.
    pub model: String,
    /// Why it ended.
    pub finish_reason: FinishReason,
    /// What it cost, when the server says so.
    pub usage: Option<TokenUsage>,
}

/// A model somewhere that answers prompts. Cheap to clone.
#[derive(Debug, Clone)]
pub enum ChatModel {
    /// Any server that speaks Chat Completions.
    OpenAi(OpenAiClient),
    /// Anthropic's Messages API.
    Anthropic(AnthropicClient),
    /// The built-in stand-in.
    Demo(DemoModel),
}

impl ChatModel {
    /// Asks, and returns once the first event of the reply is there. Until then failures are retried
    /// within the client's limits; afterwards they come through the stream and are final. Dropping the
    /// stream ends the call.
    pub async fn stream(&self, prompt: &ChatPrompt) -> Result<ReplyStream, ProviderError> {
        match self {
            Self::OpenAi(client) => client.stream(prompt).await,
            Self::Anthropic(client) => client.stream(prompt).await,
            Self::Demo(demo) => Ok(demo.stream(prompt)),
        }
    }
}
