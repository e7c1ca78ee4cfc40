//! Reading `a{sv}` from the other side: unknown keys are ignored, missing ones and those of a wrong type are as if never sent.

use std::collections::HashMap;

use zbus::{Array, OwnedVariant, Variant};

use crate::text;

/// `a{sv}`.
pub type Dictionary = HashMap<String, OwnedVariant>;

pub(crate) fn number(from: &Dictionary, key: &str) -> Option<u64> {
    match from.get(key).map(|value| &**value) {
        Some(Variant::U64(number)) => Some(*number),
        _ => None,
    }
}

pub(crate) fn boolean(from: &Dictionary, key: &str) -> bool {
    matches!(from.get(key).map(|value| &**value), Some(Variant::Bool(true)))
}

/// One line of text, empty if there is none.
pub(crate) fn line(from: &Dictionary, key: &str, limit: usize) -> String {
    match from.get(key).map(|value| &**value) {
        Some(Variant::Str(value)) => text::line(value, limit),
        _ => String::new(),
    }
}

/// The elements of an array, at most `limit` of them.
pub(crate) fn elements<'d>(from: &'d Dictionary, key: &str, limit: usize) -> impl Iterator<Item = &'d Variant<'d>> {
    let array = match from.get(key).map(|value| &**value) {
        Some(Variant::Array(array)) => array.inner(),
        _ => &[],
    };
    array.iter().take(limit)
}

/// The lines among the elements of an array.
pub(crate) fn lines(array: &Array<'_>, limit: usize) -> Vec<String> {
    array.inner().iter().take(limit).filter_map(|element| as_line(element, text::NAME)).collect()
}

pub(crate) fn as_line(value: &Variant<'_>, limit: usize) -> Option<String> {
    match value {
        Variant::Str(value) => Some(text::line(value, limit)),
        _ => None,
    }
}

/// A value for a dictionary. Only a file descriptor can fail to become an owned one, and nothing here has one.
pub(crate) fn owned(value: impl Into<Variant<'static>>) -> OwnedVariant {
    value.into().try_into_owned().expect("no file descriptor in the value")
}
