//! Metadata: the signed part changed, and signed again with the test's keys as often as not.

use sameday_trust::schema::canonical;
use serde_json::{Value, json};

use super::{Context, tree};
use crate::repo::TestKey;
use crate::seeds;

/// Changes a role's file; three times in four its signed part, which is then signed again.
pub fn resigned(bytes: &[u8], context: &mut Context<'_>) -> Option<Vec<u8>> {
    let mut file: Value = serde_json::from_slice(bytes).ok()?;
    let within = context.random.chance(3, 4);
    for _ in 0..=context.random.below(3) {
        match file.get_mut("signed").filter(|_| within) {
            Some(signed) => tree::change(signed, context.random),
            None => tree::change(&mut file, context.random),
        }
    }
    if within && context.random.chance(7, 8) {
        sign(&mut file, context);
    }
    tree::write(&file, context)
}

fn sign(file: &mut Value, context: &mut Context<'_>) -> Option<()> {
    let message = canonical(file.get("signed")?).ok()?;
    let role = file["signed"]["_type"].as_str()?.to_owned();
    let mut signatures: Vec<Value> = seeds::signers(&role)
        .iter()
        .map(|signer| json!({"keyid": signer.id, "sig": signer.key.sign(&message)}))
        .collect();
    if context.random.chance(1, 8) {
        tree::change(signatures.get_mut(0)?, context.random);
    }
    file["signatures"] = Value::Array(signatures);
    Some(())
}

/// A key in JSON, a newline, a signature in hexadecimal digits: the key changed, or another one, with its signature over the root that
/// [`seeds::root_of`] makes from it, or with a damaged one.
pub fn key_and_signature(bytes: &[u8], context: &mut Context<'_>) -> Option<Vec<u8>> {
    let (key, signature) = split(bytes)?;
    let mut key: Value = serde_json::from_str(key).ok()?;
    let mut signature = signature.to_owned();
    match context.random.below(4) {
        0 => tree::change(&mut key, context.random),
        1 => {
            let (new, signed) = signed_key(context.random.pick(seeds::test_keys()));
            (key, signature) = (new, signed);
        }
        2 => {
            // Fields that a key may have and that say nothing: it still signs.
            let signer = context.random.pick(seeds::test_keys()).clone();
            key = serde_json::to_value(signer.public()).ok()?;
            let mut extra = json!({"a": [1, "b"]});
            tree::change(&mut extra, context.random);
            key["x"] = extra;
            signature = signer.sign(&canonical(&seeds::root_of(&key)).ok()?);
        }
        _ => {
            let mut raw = hex::decode(&signature).ok()?;
            raw = (context.bytes)(&raw, 200);
            signature = hex::encode(raw);
        }
    }
    if context.random.chance(1, 3)
        && let Some(public) = key["keyval"]["public"].as_str()
    {
        let changed = (context.bytes)(public.as_bytes(), 400);
        key["keyval"]["public"] = String::from_utf8_lossy(&changed).into_owned().into();
    }
    Some(format!("{key}\n{signature}").into_bytes()).filter(|text| text.len() <= context.longest)
}

/// A test key, and its signature over a root that has it.
pub fn signed_key(key: &TestKey) -> (Value, String) {
    let public = serde_json::to_value(key.public()).expect("a key is JSON");
    let message = canonical(&seeds::root_of(&public)).expect("a test key has no fractions");
    (public, key.sign(&message))
}

/// The two parts of an input for the target `keys`.
#[must_use]
pub fn split(bytes: &[u8]) -> Option<(&str, &str)> {
    std::str::from_utf8(bytes).ok()?.split_once('\n')
}
