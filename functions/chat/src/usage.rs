//! What a reply cost.

use domain::message::Usage;
use providers::TokenUsage;

/// About how many bytes of text make a token, for estimates.
const BYTES_PER_TOKEN: usize = 4;

/// What the provider told, or an estimate from the length of the texts. What was told before the end of a
/// reply that broke off leaves out what came after, so the estimate completes it.
pub(crate) fn usage_of(told: Option<TokenUsage>, is_whole: bool, input_bytes: usize, output_bytes: usize) -> Usage {
    let tokens = |bytes: usize| i64::try_from(bytes.div_ceil(BYTES_PER_TOKEN)).unwrap_or(i64::MAX);
    let told_count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let (input, output) = (tokens(input_bytes), tokens(output_bytes));
    match told {
        Some(TokenUsage { input_tokens, output_tokens }) if is_whole => {
            Usage { input_tokens: told_count(input_tokens), output_tokens: told_count(output_tokens), estimated: false }
        }
        Some(TokenUsage { input_tokens, output_tokens }) => Usage {
            input_tokens: if input_tokens == 0 { input } else { told_count(input_tokens) },
            output_tokens: told_count(output_tokens).max(output),
            estimated: true,
        },
        None => Usage { input_tokens: input, output_tokens: output, estimated: true },
    }
}
