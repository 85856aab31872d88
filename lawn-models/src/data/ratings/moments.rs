//! When an interaction was, as files write it.

use super::fields::{finite, seconds};

/// What times are counted in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Unit {
    /// Seconds since 1970.
    #[default]
    Seconds,
    /// Microseconds since 1970, where a time of the file is no whole second.
    Microseconds,
}

/// Why a field is no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoTime {
    /// It is one, and no whole second.
    Finer,
    /// It is none.
    Other,
}

/// What a time may be.
pub(super) const ALLOWED: &str = "seconds since 1970, or a date such as 2015-01-01T00:00:00Z";

/// What can be done about one that is not there.
pub(super) const ABSENT: &str = "; a line without a time has no place among the others: give it one, or \
                                 leave it out";

const MICROSECONDS: i64 = 1_000_000;

/// Seconds of a day.
pub(super) const DAY: i64 = 24 * 60 * 60;

impl Unit {
    /// How many are a second.
    pub(super) fn of_a_second(self) -> i64 {
        match self {
            Self::Seconds => 1,
            Self::Microseconds => MICROSECONDS,
        }
    }
}

/// The time of a field: a number of seconds with or without a point and an exponent, or a date of ISO
/// 8601, of UTC where it names no other zone.
pub(super) fn time(field: &[u8], unit: Unit) -> Result<i64, NoTime> {
    let parts = seconds(field).map(|whole| (whole, 0));
    let parts = parts.or_else(|| decimal(field)).or_else(|| date(field));
    of(parts.ok_or(NoTime::Other)?, unit)
}

/// The time of whole seconds and the microseconds after them.
pub(super) fn of((whole, micros): (i64, i64), unit: Unit) -> Result<i64, NoTime> {
    match unit {
        Unit::Seconds if micros != 0 => Err(NoTime::Finer),
        Unit::Seconds => Ok(whole),
        Unit::Microseconds => whole
            .checked_mul(MICROSECONDS)
            .and_then(|time| time.checked_add(micros))
            .ok_or(NoTime::Other),
    }
}

/// Whole seconds, and the microseconds after them: below 0 where the seconds are.
fn decimal(field: &[u8]) -> Option<(i64, i64)> {
    let number = finite(field)?;
    let text = str::from_utf8(field).ok()?;
    match text.split_once('.') {
        // As it is written: a float has not all of its digits.
        Some((before, after)) if after.bytes().all(|byte| byte.is_ascii_digit()) => {
            let digits = &after[..after.len().min(6)];
            let micros: i64 = format!("{digits:0<6}").parse().ok()?;
            let sign = if before.starts_with('-') { -1 } else { 1 };
            Some((before.parse().ok()?, sign * micros))
        }
        _ => parts(number),
    }
}

/// The same of a number that is no text.
pub(super) fn parts(number: f64) -> Option<(i64, i64)> {
    let whole = number.trunc();
    let is_within = whole.abs() < i64::MAX as f64;
    let micros = ((number - whole) * MICROSECONDS as f64).round();
    is_within.then_some((whole as i64, micros as i64))
}

/// `2015-01-01`, with a time of day behind `T` or a space, and `Z` or an offset behind that.
fn date(field: &[u8]) -> Option<(i64, i64)> {
    let (days, rest) = day(field)?;
    let rest = match rest {
        [] => return Some((days * DAY, 0)),
        [b'T' | b't' | b' ', rest @ ..] => rest,
        _ => return None,
    };
    let (hour, rest) = two(rest, 23)?;
    let (minute, mut rest) = two(rest.strip_prefix(b":")?, 59)?;
    let (mut second, mut micros) = (0, 0);
    if let Some(after) = rest.strip_prefix(b":") {
        // A second that was put in at the end of a day is the next one.
        (second, rest) = two(after, 60)?;
        if let Some(after) = rest.strip_prefix(b".") {
            let end = after.iter().position(|byte| !byte.is_ascii_digit());
            let (digits, behind) = after.split_at(end.unwrap_or(after.len()));
            let digits = str::from_utf8(&digits[..digits.len().min(6)]).ok()?;
            micros = match digits {
                "" => return None,
                digits => format!("{digits:0<6}").parse().ok()?,
            };
            rest = behind;
        }
    }
    let of_day = hour * 3600 + minute * 60 + second;
    Some((
        days * DAY + of_day - offset(rest.trim_ascii_start())?,
        micros,
    ))
}

/// Days since 1970 of `YYYY-MM-DD`, and what follows it.
fn day(field: &[u8]) -> Option<(i64, &[u8])> {
    let (digits, rest) = field.split_at_checked(4)?;
    let is_year = digits.iter().all(u8::is_ascii_digit);
    let year: i64 = str::from_utf8(digits)
        .ok()
        .filter(|_| is_year)?
        .parse()
        .ok()?;
    let (month, rest) = two(rest.strip_prefix(b"-")?, 12)?;
    let (day, rest) = two(rest.strip_prefix(b"-")?, 31)?;
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let most = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if month == 0 || !(1..=most).contains(&day) {
        return None;
    }
    // Years that begin in March: the day that some have is their last.
    let (year, month) = match month {
        1 | 2 => (year - 1, month + 9),
        _ => (year, month - 3),
    };
    let before = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // Of the first of March of the year 0.
    Some((before + (153 * month + 2) / 5 + day - 1 - 719_468, rest))
}

/// Two digits, up to `most`, and what follows them.
fn two(text: &[u8], most: i64) -> Option<(i64, &[u8])> {
    let (digits, rest) = text.split_at_checked(2)?;
    let [tens, ones] = [digits[0], digits[1]].map(|byte| i64::from(byte.wrapping_sub(b'0')));
    let number = 10 * tens + ones;
    (tens <= 9 && ones <= 9 && number <= most).then_some((number, rest))
}

/// Seconds that a zone is ahead of UTC.
fn offset(zone: &[u8]) -> Option<i64> {
    let (sign, rest) = match zone {
        [] | b"Z" | b"z" => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, rest) = two(rest, 23)?;
    let rest = rest.strip_prefix(b":").unwrap_or(rest);
    let (minutes, rest) = match rest {
        [] => (0, rest),
        rest => two(rest, 59)?,
    };
    rest.is_empty()
        .then_some(sign * (hours * 3600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_programs_write_them() {
        for (text, expected) in [
            ("978300001", 978_300_001),
            ("-7", -7),
            ("978300001.0", 978_300_001),
            ("9.783e8", 978_300_000),
            ("1.42e18", 1_420_000_000_000_000_000),
            ("1970-01-01", 0),
            ("1969-12-31 23:59:59", -1),
            ("2000-02-29T00:00", 951_782_400),
            ("2015-01-01T00:00:00Z", 1_420_070_400),
            ("2015-01-01 00:00:00", 1_420_070_400),
            ("2015-01-01T01:30:00+01:30", 1_420_070_400),
            ("2014-12-31T19:00:00.000-0500", 1_420_070_400),
            ("2015-01-01 00:00:00 UTC", 0),
        ] {
            let found = time(text.as_bytes(), Unit::Seconds);
            match text.ends_with("UTC") {
                true => assert_eq!(found, Err(NoTime::Other)),
                false => assert_eq!(found, Ok(expected), "{text}"),
            }
        }
        for (text, expected) in [
            ("978300001.5", 978_300_001_500_000),
            ("-1.25", -1_250_000),
            ("978300001", 978_300_001_000_000),
            ("1.5e0", 1_500_000),
            ("2015-01-01T00:00:00.25Z", 1_420_070_400_250_000),
            ("1969-12-31T23:59:59.5", -500_000),
        ] {
            let found = time(text.as_bytes(), Unit::Microseconds);
            assert_eq!(found, Ok(expected), "{text}");
            if expected % MICROSECONDS != 0 {
                let found = time(text.as_bytes(), Unit::Seconds);
                assert_eq!(found, Err(NoTime::Finer), "{text}");
            }
        }
        for text in [
            "",
            "nan",
            "inf",
            "x",
            "2015-13-01",
            "2015-02-29",
            "2015-1-1",
            "2015-01-01T24:00:00",
            "2015-01-01T00",
            "01/02/2015",
            "9e99",
            "2015-01-01Z",
        ] {
            let found = time(text.as_bytes(), Unit::Seconds);
            assert_eq!(found, Err(NoTime::Other), "{text}");
        }
    }
}
