//! What the daemon's kinds, codes and values are in the user's language, for every client: a terminal and the app tell the same in the same
//! words. Sentences name what can be done; by which command or button is each client's own to say.

mod bus;
mod expected;
mod failure;
pub mod format;
pub mod help;
pub mod kit;
pub mod locale;
pub mod offer;
pub mod progress;
mod state;
mod stick;
pub mod versions;

pub use bus::bus;
pub use expected::expected;
pub use failure::failure;
pub use state::{state, under_way};
pub use stick::{Warnings, blockage, chosen_by, left_over, standing, warnings};

/// Begins and ends a part that has its own direction, and does not disturb that of what is around it (Unicode UAX #9, 2.4.2: FSI, PDI).
const ISOLATE: [char; 2] = ['\u{2068}', '\u{2069}'];

/// A template with its places (`{name}`) filled in. Done in one pass: what is filled in is never searched for places. In a sentence that is
/// written from right to left, a version or a path that is filled in keeps its own direction.
#[must_use]
pub fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::new();
    let mut rest = template;
    let isolates = template.contains(is_right_to_left);
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let place = after.split_once('}').and_then(|(name, after)| {
            let (_, value) = values.iter().find(|(known, _)| *known == name)?;
            Some((value, after))
        });
        rest = if let Some((value, after)) = place {
            filled.extend(isolates.then_some(ISOLATE[0]));
            filled.push_str(value);
            filled.extend(isolates.then_some(ISOLATE[1]));
            after
        } else {
            filled.push('{');
            after
        };
    }
    filled.push_str(rest);
    filled
}

/// Whether this is a letter of Hebrew, Arabic or one of their kin.
fn is_right_to_left(letter: char) -> bool {
    matches!(letter, '\u{0590}'..='\u{08ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}')
}

/// A number as plural forms need it: no language looks at more than the last six digits.
#[must_use]
pub fn count(number: u64) -> u32 {
    u32::try_from(number).unwrap_or_else(|_| 1_000_000 + u32::try_from(number % 1_000_000).unwrap_or(0))
}

/// The start of a line.
#[must_use]
pub fn short(line: &str, limit: usize) -> &str {
    line.get(..line.floor_char_boundary(limit)).unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filled_in_is_not_searched_for_places() {
        assert_eq!(fill("{a} and {b}", &[("a", "{b}"), ("b", "{a}")]), "{b} and {a}");
        assert_eq!(fill("{unknown} {a", &[("a", "x")]), "{unknown} {a");
        assert_eq!(fill("{}{{a}}", &[("a", "x")]), "{}{x}");
    }

    #[test]
    fn what_is_filled_into_arabic_keeps_its_direction() {
        assert_eq!(fill("الترقية إلى {new}", &[("new", "12.1~rc1")]), "الترقية إلى \u{2068}12.1~rc1\u{2069}");
        assert_eq!(fill("Passage à {new}", &[("new", "שלום")]), "Passage à שלום");
    }

    #[test]
    fn plurals_of_huge_numbers_follow_their_last_digits() {
        assert_eq!(count(21), 21);
        assert_eq!(count(u64::from(u32::MAX)), u32::MAX);
        assert_eq!(count(5_000_000_000_021), 1_000_021);
        assert_eq!(count(u64::MAX) % 10, 5);
    }

    #[test]
    fn lines_are_cut_between_characters() {
        assert_eq!(short("aéb", 2), "a");
        assert_eq!(short("aéb", 30), "aéb");
    }
}
