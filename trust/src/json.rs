//! JSON as signed metadata needs it: a strict reader (no duplicate names, capped depth and count), and OLPC's canonical form.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserializer, Serialize};
use serde_json::{Map, Number, Value};

/// A value that has no canonical form: it holds a number that is no integer, or is no JSON at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("holds a number that is not an integer of 64 bits")]
pub struct NotCanonical;

/// Reads JSON text.
///
/// A name that stands twice in one object is refused: readers that keep the first and readers that keep the last would see
/// different metadata under one signature. `depth` caps nesting, so that no text exhausts the stack; `values` caps the number
/// of values, so that a small text cannot fill the memory.
///
/// # Errors
/// When the text is not JSON or passes a cap.
pub fn parse(bytes: &[u8], depth: usize, values: usize) -> Result<Value, serde_json::Error> {
    let left = Cell::new(values);
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { depth, left: &left }.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// OLPC's canonical JSON (<http://wiki.laptop.org/go/Canonical_JSON>), the bytes that a signature covers: no white space, names in
/// the order of their code points, strings in UTF-8 with only `"` and `\` escaped, integers only.
///
/// # Errors
/// When a number in it is not an integer.
pub fn canonical(value: &Value) -> Result<Vec<u8>, NotCanonical> {
    let mut out = Vec::new();
    write(value, &mut out)?;
    Ok(out)
}

/// The canonical form of anything that can be written as JSON.
///
/// # Errors
/// When a number in it is not an integer.
pub fn canonical_form<T: Serialize>(value: &T) -> Result<Vec<u8>, NotCanonical> {
    canonical(&serde_json::to_value(value).map_err(|_| NotCanonical)?)
}

fn write(value: &Value, out: &mut Vec<u8>) -> Result<(), NotCanonical> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) if number.is_i64() || number.is_u64() => {
            out.extend_from_slice(number.to_string().as_bytes());
        }
        Value::Number(_) => return Err(NotCanonical),
        Value::String(text) => write_text(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write(item, out)?;
            }
            out.push(b']');
        }
        Value::Object(map) => {
            // Sorted here, and not left to the map, whose order depends on a feature of serde_json that any crate can switch on.
            let mut members: Vec<_> = map.iter().collect();
            members.sort_unstable_by(|a, b| a.0.cmp(b.0));
            out.push(b'{');
            for (i, (name, member)) in members.into_iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_text(name, out);
                out.push(b':');
                write(member, out)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        if byte == b'"' || byte == b'\\' {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[derive(Clone, Copy)]
struct Strict<'a> {
    depth: usize,
    left: &'a Cell<usize>,
}

impl Strict<'_> {
    fn spend<E: serde::de::Error>(self) -> Result<(), E> {
        match self.left.get().checked_sub(1) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => Err(E::custom("too many values")),
        }
    }

    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| E::custom("nested too deeply"))?;
        Ok(Self { depth, left: self.left })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.spend()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut members = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value_seed(inner)?;
            if members.contains_key(&name) {
                return Err(A::Error::custom("a name stands twice in one object"));
            }
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(text: &str) -> Result<Value, String> {
        parse(text.as_bytes(), 4, 10).map_err(|e| e.to_string())
    }

    #[test]
    fn canonical_form_is_olpcs() {
        for (value, expected) in [
            (json!({"b": 1, "a": [true, false, null], "": -1}), r#"{"":-1,"a":[true,false,null],"b":1}"#),
            (json!("tab\t\"quote\" back\\slash \u{7f} ä\n"), "\"tab\t\\\"quote\\\" back\\\\slash \u{7f} ä\n\""),
            (
                json!({"é": 1, "z": 2, "\u{10000}": 3, "\u{ffff}": 4}),
                "{\"z\":2,\"é\":1,\"\u{ffff}\":4,\"\u{10000}\":3}",
            ),
            (json!(u64::MAX), "18446744073709551615"),
            (json!(i64::MIN), "-9223372036854775808"),
        ] {
            assert_eq!(String::from_utf8(canonical(&value).unwrap()).unwrap(), expected);
        }
        assert_eq!(canonical(&json!([1.5])), Err(NotCanonical));
    }

    #[test]
    fn hostile_texts_are_refused() {
        for (text, why) in [
            (r#"{"a":1,"a":1}"#, "twice"),
            (r#"{"a":{"b":1,"\u0062":2}}"#, "twice"),
            ("[[[[[1]]]]]", "deeply"),
            ("[1,2,3,4,5,6,7,8,9,10]", "too many"),
            ("{} {}", "trailing"),
            ("", "EOF"),
            ("{", "EOF"),
            ("\u{feff}{}", "expected value"),
            ("1e999", "out of range"),
            ("NaN", "expected value"),
            (r#""\ud800""#, "hex escape"),
            (r#""\ud800\u0041""#, "surrogate"),
        ] {
            let refusal = read(text).unwrap_err();
            assert!(refusal.contains(why), "{text}: {refusal}");
        }
        assert!(parse(b"\"\xff\"", 4, 10).is_err());
        assert!(parse("[".repeat(1 << 20).as_bytes(), 32, usize::MAX).is_err());
        assert_eq!(read("[[[[1]]]]").unwrap(), json!([[[[1]]]]));
    }

    #[test]
    fn integers_beyond_64_bits_have_no_canonical_form() {
        let value = read("18446744073709551616").unwrap();
        assert_eq!(canonical(&value), Err(NotCanonical));
        assert_eq!(canonical(&read("-0").unwrap()), Err(NotCanonical));
        assert_eq!(canonical(&read("1.0").unwrap()), Err(NotCanonical));
    }
}
