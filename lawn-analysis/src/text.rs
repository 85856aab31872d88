//! Numbers as people read them, with separators of thousands from five digits on. Files for
//! programs (CSV, JSON) hold plain numbers instead.

/// Numbers from here on are written with an exponent.
const LARGE: f64 = 1e15;

/// A number in four significant digits, whole numbers with thin grouping.
pub(crate) fn number(value: f64) -> String {
    if !value.is_finite() {
        return value.to_string().replace('-', "−");
    }
    let sign = if value < 0.0 { "−" } else { "" };
    let size = value.abs();
    if size >= LARGE {
        let text = format!("{size:.3e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
        return format!("{sign}{mantissa}e{exponent}");
    }
    if size.fract() == 0.0 {
        return format!("{sign}{}", grouped(size as u64));
    }
    if size >= 10_000.0 {
        return format!("{sign}{}", grouped(size.round() as u64));
    }
    if size < 1e-4 {
        return format!("{sign}{}", scientific(size));
    }
    let before = size.log10().floor() as i32;
    let decimals = (3 - before).clamp(0, 6) as usize;
    format!("{sign}{size:.decimals$}")
}

/// A whole number, every digit of it.
pub(crate) fn integer(value: i64) -> String {
    let sign = if value < 0 { "−" } else { "" };
    format!("{sign}{}", grouped(value.unsigned_abs()))
}

/// As [`number`], always with its sign.
pub(crate) fn signed(value: f64) -> String {
    let text = number(value);
    if value > 0.0 {
        format!("+{text}")
    } else {
        text
    }
}

/// An estimate and the ends of its interval, with their signs and as many digits as tell them
/// apart.
pub(crate) fn resolved(value: f64, low: f64, high: f64) -> [String; 3] {
    let all = [value, low, high];
    let shown = all.map(signed);
    if low >= high || (shown[0] != shown[1] && shown[0] != shown[2]) {
        return shown;
    }
    let largest = all.iter().map(|number| number.abs()).fold(0.0, f64::max);
    let least = (high - low).log10().floor();
    if largest >= LARGE {
        let digits = (largest.log10().floor() - least + 1.0).clamp(0.0, 16.0) as usize;
        return all.map(|number| format!("{number:+.digits$e}").replace('-', "−"));
    }
    let decimals = (1.0 - least).clamp(0.0, 15.0) as usize;
    all.map(|number| format!("{number:+.decimals$}").replace('-', "−"))
}

/// A p-value with the relation that its rounding allows, such as `p = 0.031` or `p < 0.0001`.
pub(crate) fn p_value(p: f64) -> String {
    if p < 1e-4 {
        "p < 0.0001".to_owned()
    } else {
        format!("p = {}", p_number(p))
    }
}

/// A p-value alone.
pub(crate) fn p_number(p: f64) -> String {
    if p < 1e-4 {
        return "< 0.0001".to_owned();
    }
    let decimals = if p < 0.001 {
        5
    } else if p < 0.1 {
        4
    } else {
        3
    };
    let text = format!("{p:.decimals$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A level or rate as a percentage.
pub(crate) fn percent(rate: f64) -> String {
    let text = format!("{:.1}", 100.0 * rate);
    format!("{} %", text.trim_end_matches(".0"))
}

/// A batch size in as few characters as name it: `256`, `10k`, `1.5k`, `65,536`, `1M`.
pub(crate) fn batch(size: i64) -> String {
    for (unit, letter) in [(1_000_000, "M"), (1_000, "k")] {
        if size >= unit && size % (unit / 10) == 0 {
            let text = format!("{:.1}", size as f64 / unit as f64);
            return format!("{}{letter}", text.trim_end_matches(".0"));
        }
    }
    integer(size)
}

/// The name of a metric on test data. Many metrics have `test` in their name already.
pub(crate) fn on_test(metric: &str) -> String {
    if metric.starts_with("test") {
        metric.to_owned()
    } else {
        format!("test {metric}")
    }
}

/// Which direction of a quantity is better, in words.
pub(crate) fn better(more_is_better: bool) -> &'static str {
    if more_is_better {
        "more is better"
    } else {
        "less is better"
    }
}

/// A batch size in a sentence.
pub(crate) fn at_batch(size: i64) -> String {
    format!("at batch size {}", integer(size))
}

/// A text that begins with a capital letter.
pub(crate) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

/// The number with its noun, in the singular for one.
pub(crate) fn count(n: usize, singular: &str, plural: &str) -> String {
    format!(
        "{} {}",
        grouped(n as u64),
        if n == 1 { singular } else { plural }
    )
}

/// A text of at most `most` characters, its middle left out where it is longer.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    let all: Vec<char> = text.chars().collect();
    if all.len() <= most {
        return text.to_owned();
    }
    let kept = most.saturating_sub(1);
    let (start, end) = (kept.div_ceil(2), kept / 2);
    let mut short: String = all[..start].iter().collect();
    short.push('…');
    short.extend(&all[all.len() - end..]);
    short
}

/// A text broken between words into lines of at most `columns` characters. A longer word gets a
/// line of its own and is shortened.
pub(crate) fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let word = shortened(word, columns);
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= columns => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

/// The visible stand-in for a character that moves a terminal or that XML cannot hold.
pub(crate) fn visible(c: char) -> char {
    match c {
        '\u{0}'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        '\u{80}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
        // These turn the direction of the text after them.
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        _ => c,
    }
}

/// A name as a part of a file name or an HTML id.
pub(crate) fn slug(name: &str) -> String {
    let mapped: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .collect();
    let parts: Vec<&str> = mapped.split('-').filter(|part| !part.is_empty()).collect();
    if parts.is_empty() {
        "unnamed".to_owned()
    } else {
        parts.join("-")
    }
}

fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) && digits.len() > 4 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn scientific(size: f64) -> String {
    if size == 0.0 {
        return "0".to_owned();
    }
    let text = format!("{size:.2e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    format!("{mantissa}e{}", exponent.replace('-', "−"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let read: Vec<String> = [
            0.6543,
            -0.01234,
            1_000_000.0,
            1024.0,
            12_345.6,
            3.25e-7,
            0.0,
            99.999,
        ]
        .into_iter()
        .map(number)
        .collect();
        assert_eq!(
            read,
            [
                "0.6543",
                "−0.01234",
                "1,000,000",
                "1024",
                "12,346",
                "3.25e−7",
                "0",
                "100.00"
            ]
        );
        let large = [1e24, -1.234_56e20, 1e15, 999_999_999_999_999.0].map(number);
        assert_eq!(large, ["1e24", "−1.235e20", "1e15", "999,999,999,999,999"]);
        assert_eq!(integer(9_007_199_254_740_993), "9,007,199,254,740,993");
        assert_eq!(integer(i64::MIN), "−9,223,372,036,854,775,808");
        let apart = resolved(1.000_01e24, 1e24, 1.000_02e24);
        assert_eq!(apart, ["+1.000010e24", "+1.000000e24", "+1.000020e24"]);
        assert_eq!(signed(0.5), "+0.5000");
        assert_eq!(resolved(0.5, 0.25, 0.75), ["+0.5000", "+0.2500", "+0.7500"]);
        assert_eq!(
            resolved(-2.017_81, -2.017_95, -2.017_67),
            ["−2.01781", "−2.01795", "−2.01767"]
        );
        assert_eq!(p_value(0.04321), "p = 0.0432");
        assert_eq!(p_value(1e-9), "p < 0.0001");
        assert_eq!(percent(0.95), "95 %");
    }

    #[test]
    fn batches_are_short_and_exact() {
        let read: Vec<String> = [64, 1024, 1000, 1500, 10_000, 65_536, 1_048_576, 2_500_000]
            .into_iter()
            .map(batch)
            .collect();
        assert_eq!(
            read,
            [
                "64",
                "1024",
                "1k",
                "1.5k",
                "10k",
                "65,536",
                "1,048,576",
                "2.5M"
            ]
        );
    }

    #[test]
    fn lines_break_between_words_and_long_words_lose_their_middle() {
        assert_eq!(wrapped("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrapped("a abcdefghij b", 5), ["a", "ab…ij", "b"]);
        assert_eq!(shortened("adamw-lawn", 10), "adamw-lawn");
        assert_eq!(shortened("adamw-lawn", 6), "ada…wn");
        assert!(wrapped(" ", 5).is_empty());
    }

    #[test]
    fn slugs_are_safe() {
        assert_eq!(slug("Hit Rate @10/ü"), "hit-rate-10");
        assert_eq!(slug("/"), "unnamed");
    }
}
