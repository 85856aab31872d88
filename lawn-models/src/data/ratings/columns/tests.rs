use super::*;

fn form(line: &str, names: &ColumnNames) -> Result<Form, String> {
    Form::of(Path::new("x"), line.as_bytes(), names).map_err(|error| error.to_string())
}

fn places(line: &str) -> (usize, usize, Option<usize>, Option<usize>) {
    let places = form(line, &ColumnNames::default()).unwrap().places;
    (places.user, places.item, places.rating, places.time)
}

#[test]
fn the_files_of_publishers_are_known_by_their_first_line() {
    assert_eq!(places("1::1193::5::978300760"), (0, 2, Some(4), Some(6)));
    assert_eq!(places("196\t242\t3\t881250949"), (0, 1, Some(2), Some(3)));
    assert_eq!(
        places("userId,movieId,rating,timestamp"),
        (0, 1, Some(2), Some(3))
    );
    assert_eq!(places("7,8"), (0, 1, None, None));
    assert_eq!(
        places("\"time\";\"item_id\";\"user_id\""),
        (2, 1, None, Some(0))
    );
    assert_eq!(places("\"a,b\",user,item"), (1, 2, None, None));
    assert_eq!(places("75.0,12.0,4.5"), (0, 1, Some(2), None));
}

#[test]
fn whether_there_is_a_header_can_be_said() {
    let of = |line: &str, header| {
        let names = ColumnNames {
            header: Some(header),
            ..ColumnNames::default()
        };
        form(line, &names).map(|form| (form.header, form.places.item, form.places.rating))
    };
    assert_eq!(of("u1,B7", false), Ok((false, 1, None)));
    assert_eq!(of("user::item::rating", false), Ok((false, 2, Some(4))));
    assert_eq!(of("user,item", true), Ok((true, 1, None)));
    let error = of("1,2", true).unwrap_err();
    assert!(error.contains("a header with a column user"), "{error}");
    for line in ["u1", "a,b,c,d,e"] {
        let error = of(line, false).unwrap_err();
        assert!(error.contains("user and item, and perhaps"), "{error}");
    }
    let error = form("u1,B7", &ColumnNames::default()).unwrap_err();
    assert!(
        error.contains("x:1") && error.contains("; raw.columns.header = false, where there is"),
        "{error}"
    );
}

#[test]
fn columns_are_found_by_name_or_said_to_be_missing() {
    let names = |user: &str| ColumnNames {
        user: Some(user.to_owned()),
        ..ColumnNames::default()
    };
    assert_eq!(form("buyer,item", &names("buyer")).unwrap().places.user, 0);
    let error = form("buyer,item", &ColumnNames::default()).unwrap_err();
    assert!(
        error.contains("x:1") && error.contains("raw.columns.user"),
        "{error}"
    );
    // Which of two is meant, nobody knows.
    for (line, column) in [
        (
            "userId,movieId,movieId,rating",
            "\"movieId\" and \"movieId\"",
        ),
        ("user,item,rating,score", "\"rating\" and \"score\""),
    ] {
        let error = form(line, &ColumnNames::default()).unwrap_err();
        assert!(
            error.contains(column) && error.contains("raw.columns"),
            "{error}"
        );
    }
    let error = form("buyer,item,buyer", &names("buyer")).unwrap_err();
    assert!(error.contains("the column \"buyer\" once"), "{error}");
    assert_eq!(
        form("user,item,buyer", &names("buyer"))
            .unwrap()
            .places
            .user,
        2
    );
    let error = form("user,item", &names("buyer")).unwrap_err();
    assert!(error.contains("\"buyer\""), "{error}");
    // One column cannot be two things.
    let twice = ColumnNames {
        rating: Some("item".into()),
        ..ColumnNames::default()
    };
    let error = form("user,item,time", &twice).unwrap_err();
    assert!(
        error.contains("a column of ratings other than \"item\", which is that of items"),
        "{error}"
    );
    let error = form("userId,movieId", &names("movieId")).unwrap_err();
    assert!(
        error.contains("a column of items other than \"movieId\", which is that of users"),
        "{error}"
    );
    let error = ColumnNames {
        header: Some(false),
        ..names("buyer")
    };
    let error = error.validate().unwrap_err();
    assert_eq!(error.setting(), "raw.columns.header");
    assert!(error.to_string().contains("raw.columns.user"), "{error}");
    let error = form("1,2", &names("buyer")).unwrap_err();
    assert!(
        error.contains("a header with the column \"buyer\""),
        "{error}"
    );
    for line in ["17", "1,2,3,4,5"] {
        let error = form(line, &ColumnNames::default()).unwrap_err();
        assert!(error.contains("user and item"), "{error}");
    }
}
