//! Sentences that begin with how many.

/// `text` as it reads behind `count`: of each `[one|several]` in it what goes with that number.
pub(crate) fn by_number(count: u64, text: &str) -> String {
    let mut said = format!("{count} ");
    let mut rest = text;
    while let Some((before, (words, after))) = rest
        .split_once('[')
        .and_then(|(before, behind)| Some((before, behind.split_once(']')?)))
    {
        let (one, several) = words.split_once('|').unwrap_or((words, words));
        said += before;
        said += if count == 1 { one } else { several };
        rest = after;
    }
    said + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_said_otherwise_than_several() {
        let said = |count| by_number(count, "row[|s] [is|are] left out");
        assert_eq!(
            [0, 1, 2].map(said),
            [
                "0 rows are left out",
                "1 row is left out",
                "2 rows are left out"
            ]
        );
        assert_eq!(by_number(1, "of 3 [x"), "1 of 3 [x");
    }
}
