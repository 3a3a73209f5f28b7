//! Questions for newcomers, in forms that existing clients recognise and answer.

use crate::settings::Difficulty;

/// A question, and what answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    pub text: String,
    pub hint: Option<&'static str>,
    answers: Vec<String>,
}

/// Words that are asked about.
const WORDS: [&str; 12] = [
    "agent", "banana", "channel", "message", "protocol", "socket", "python", "window", "garden",
    "planet", "signal", "market",
];

impl Question {
    /// A question that follows from random bytes.
    pub fn new(random: [u8; 8], difficulty: Difficulty) -> Self {
        let [kind, word, a, b, c, d, ..] = random.map(usize::from);
        let word = WORDS[word % WORDS.len()];
        let asked = |text: String, answer: String| Self {
            text,
            hint: None,
            answers: vec![answer],
        };
        let letter = |letter: Option<char>| letter.map(String::from).unwrap_or_default();
        match kind % 12 {
            0..4 => Self {
                hint: Some("answer with a number"),
                ..arithmetic(kind % 12, a * 256 + b, c * 256 + d, difficulty)
            },
            4 => asked(
                format!("What is the reverse of the word \"{word}\"?"),
                word.chars().rev().collect(),
            ),
            5 => asked(
                format!("How many characters are in the word \"{word}\"?"),
                word.len().to_string(),
            ),
            6 => asked(
                format!("What is the first letter of \"{word}\"?"),
                letter(word.chars().next()),
            ),
            7 => asked(
                format!("What is the last letter of \"{word}\"?"),
                letter(word.chars().last()),
            ),
            8 => asked(
                format!("Convert \"{word}\" to uppercase."),
                word.to_uppercase(),
            ),
            9 => {
                let list: Vec<_> = (0..4).map(|n| WORDS[(a + 3 * n) % WORDS.len()]).collect();
                asked(
                    format!("What is the third item in this list: [{}]", list.join(", ")),
                    list[2].to_owned(),
                )
            }
            10 => {
                let vowels = word.chars().filter(|letter| "aeiou".contains(*letter));
                asked(
                    format!("How many vowels are in the word \"{word}\"?"),
                    vowels.count().to_string(),
                )
            }
            _ => known(a),
        }
    }

    /// Whether an answer is right: as a text, or as a number.
    pub fn is_answered_by(&self, given: &str) -> bool {
        let given = given.trim().to_lowercase();
        let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
        self.answers.iter().any(|answer| {
            answer.to_lowercase() == given
                || number(answer).is_some_and(|n| number(&given) == Some(n))
        })
    }
}

fn arithmetic(kind: usize, a: usize, b: usize, difficulty: Difficulty) -> Question {
    let most = match difficulty {
        Difficulty::Easy => 10,
        Difficulty::Medium => 50,
        Difficulty::Hard => 500,
    };
    let (a, b) = (a % most + 1, b % most + 1);
    let (a, b) = (a.max(b), a.min(b));
    let (sign, answer) = match kind {
        0 => ("-", a - b),
        1 => ("*", a * b),
        _ => ("+", a + b),
    };
    Question {
        text: format!("What is {a} {sign} {b}?"),
        hint: None,
        answers: vec![answer.to_string()],
    }
}

/// Questions of which there is one each.
fn known(which: usize) -> Question {
    let questions: [(&str, &[&str]); 8] = [
        ("What comes next: 2, 4, 6, 8?", &["10"]),
        ("What comes next: 1, 3, 5, 7?", &["9"]),
        (
            "Answer yes or no: is 17 a prime number?",
            &["yes", "y", "true"],
        ),
        (
            "Answer yes or no: is 15 a prime number?",
            &["no", "n", "false"],
        ),
        ("What character starts channel names here?", &["#"]),
        ("What character prefixes agent ids here?", &["@"]),
        ("What protocol is this server running?", &["agentchat"]),
        ("What message type do you send first?", &["identify"]),
    ];
    let (text, answers) = questions[which % questions.len()];
    Question {
        text: text.to_owned(),
        hint: None,
        answers: answers.iter().map(|answer| (*answer).to_owned()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(random: [u8; 8]) -> Question {
        Question::new(random, Difficulty::Easy)
    }

    #[test]
    fn answers_are_those_that_a_client_finds() {
        for (random, text, answer) in [
            ([0, 0, 0, 3, 0, 8, 0, 0], "What is 9 - 4?", "5"),
            ([1, 0, 0, 3, 0, 8, 0, 0], "What is 9 * 4?", "36"),
            ([2, 0, 0, 3, 0, 8, 0, 0], "What is 9 + 4?", "13"),
            (
                [4, 0, 0, 0, 0, 0, 0, 0],
                "What is the reverse of the word \"agent\"?",
                "tnega",
            ),
            (
                [5, 1, 0, 0, 0, 0, 0, 0],
                "How many characters are in the word \"banana\"?",
                "6",
            ),
            (
                [6, 1, 0, 0, 0, 0, 0, 0],
                "What is the first letter of \"banana\"?",
                "b",
            ),
            (
                [7, 0, 0, 0, 0, 0, 0, 0],
                "What is the last letter of \"agent\"?",
                "t",
            ),
            (
                [8, 0, 0, 0, 0, 0, 0, 0],
                "Convert \"agent\" to uppercase.",
                "AGENT",
            ),
            (
                [9, 0, 0, 0, 0, 0, 0, 0],
                "What is the third item in this list: [agent, message, python, planet]",
                "python",
            ),
            (
                [10, 1, 0, 0, 0, 0, 0, 0],
                "How many vowels are in the word \"banana\"?",
                "3",
            ),
            (
                [11, 0, 3, 0, 0, 0, 0, 0],
                "Answer yes or no: is 15 a prime number?",
                "no",
            ),
        ] {
            let question = asked(random);
            assert_eq!(question.text, text);
            assert!(question.is_answered_by(answer), "{text}");
            assert!(!question.is_answered_by("wrong") && !question.is_answered_by(""));
        }
    }

    #[test]
    fn numbers_may_be_written_in_several_ways() {
        let question = asked([2, 0, 0, 3, 0, 5, 0, 0]);
        for right in ["10", " 10 ", "10.0", "+10", "1e1"] {
            assert!(question.is_answered_by(right), "{right}");
        }
        for wrong in ["9", "ten", "NaN", "inf", "10 ?"] {
            assert!(!question.is_answered_by(wrong), "{wrong}");
        }
    }

    #[test]
    fn only_the_numbers_grow_with_the_difficulty() {
        let random = [2, 0, 255, 255, 255, 255, 0, 0];
        let text = |difficulty| Question::new(random, difficulty).text;
        assert_eq!(text(Difficulty::Easy), "What is 6 + 6?");
        assert_eq!(text(Difficulty::Medium), "What is 36 + 36?");
        assert_eq!(
            Question::new([2, 0, 1, 243, 1, 243, 0, 0], Difficulty::Hard).text,
            "What is 500 + 500?"
        );
    }
}
