//! What messages are filled with: words and numbers in no order, as a server that compresses must not have it easy.

use std::sync::LazyLock;

/// Bytes of all of it. Slices of what is said within milliseconds hardly overlap.
const LENGTH: usize = 1024 * 1024;

/// Words that are often used.
const WORDS: &str = "a about after all also an and any are as at back be because been before but by call can change \
    check code come could day did do done error even fails file find first fix for from get give go good had has have \
    he her here him his how if in into is issue it its just know last like line log look made make many may me merge \
    more most my need new next no not note now of on one only open or other our out over passes people please pull put \
    ready release request review run said same say see server she should so some still such take task test than that \
    the their them then there these they thing think this time to two up us use very want was way we well went were \
    what when where which while who why will with work would write wrong yes yet you your";

static TEXT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let words: Vec<_> = WORDS.split(' ').collect();
    let mut text = Vec::with_capacity(LENGTH + WORDS.len());
    let mut at = 0;
    while text.len() < LENGTH {
        at = scatter(at + 1);
        text.extend(words[(at % words.len() as u64) as usize].as_bytes());
        text.push(b' ');
        if at % 4 == 0 {
            text.extend(format!("{:08x} ", at >> 32).as_bytes());
        }
    }
    text
});

/// So many bytes of text, at most [`LENGTH`], which differ with the seed.
pub fn some(seed: u64, length: usize) -> &'static [u8] {
    let last = (LENGTH - length.min(LENGTH)) as u64 + 1;
    let start = (scatter(seed) % last) as usize;
    &TEXT[start..start + length.min(LENGTH)]
}

/// A number that looks like chance.
fn scatter(number: u64) -> u64 {
    let mut mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    mixed ^ mixed >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_words_as_long_as_asked_for_and_never_the_same() {
        for length in [0, 1, 90, 2000] {
            assert_eq!(some(7, length).len(), length);
        }
        let text = String::from_utf8(some(1, 2000).to_vec()).unwrap();
        let known: Vec<_> = WORDS.split(' ').collect();
        // The first and the last may be cut.
        let words: Vec<_> = text.split(' ').collect();
        assert!(
            words[1..words.len() - 1]
                .iter()
                .all(|word| known.contains(word) || u32::from_str_radix(word, 16).is_ok())
        );
        assert_ne!(some(1, 90), some(2, 90));
    }
}
