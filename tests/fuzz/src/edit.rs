//! Changes that know the shape of an input: they get past the checks that random bytes fail at.

pub(crate) mod binary;
pub(crate) mod metadata;
mod tree;

pub use binary::{frames, gpt_header, kit, padded_block};
pub use metadata::{key_and_signature, resigned};
pub use tree::json;

use crate::random::Random;

/// libFuzzer's own change of bytes, to at most so many.
pub type ByteLevel<'a> = dyn Fn(&[u8], usize) -> Vec<u8> + 'a;

/// What a change works with.
#[allow(missing_debug_implementations, reason = "holds a function")]
pub struct Context<'a> {
    /// Chance.
    pub random: &'a mut Random,
    /// libFuzzer's own change.
    pub bytes: &'a ByteLevel<'a>,
    /// Most bytes of the outcome.
    pub longest: usize,
}

/// A change of an input. None: it does not have the shape, so let libFuzzer change its bytes.
pub type Edit = fn(&[u8], &mut Context<'_>) -> Option<Vec<u8>>;
