//! Reading, refusing and writing rules.

use super::*;

fn check(text: &str, canonical: &str) {
    let rule: Rule = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(rule.to_string(), canonical, "{text}");
    assert_eq!(canonical.parse(), Ok(rule), "{text}");
}

#[test]
fn rules_are_written_canonically() {
    check("FREQ=DAILY", "FREQ=DAILY");
    check("rrule:freq=weekly;byday=we,mo,we;interval=1;wkst=mo", "FREQ=WEEKLY;BYDAY=MO,WE");
    check(" RRULE:INTERVAL=02;FREQ=MONTHLY;BYDAY=-1FR,+2MO ", "FREQ=MONTHLY;INTERVAL=2;BYDAY=2MO,-1FR");
    check("FREQ=YEARLY;UNTIL=20301231;BYYEARDAY=-1,366,1,1", "FREQ=YEARLY;UNTIL=20301231;BYYEARDAY=1,366,-1");
    check("FREQ=DAILY;UNTIL=19971224T000000Z", "FREQ=DAILY;UNTIL=19971224T000000Z");
    check("FREQ=DAILY;UNTIL=19971224T235960", "FREQ=DAILY;UNTIL=19971224T235959");
    check("FREQ=MINUTELY;BYSECOND=60,0;COUNT=10;WKST=SU", "FREQ=MINUTELY;COUNT=10;BYSECOND=0,59;WKST=SU");
    check(
        "FREQ=YEARLY;BYSETPOS=-1;BYMONTH=12,1;BYWEEKNO=-1,53;BYHOUR=23,0;BYMINUTE=59;BYDAY=SU",
        "FREQ=YEARLY;BYMINUTE=59;BYHOUR=0,23;BYDAY=SU;BYWEEKNO=53,-1;BYMONTH=1,12;BYSETPOS=-1",
    );
}

fn refuse(text: &str, message: &str) {
    let error = text.parse::<Rule>().expect_err(text);
    assert_eq!(error.to_string(), message, "{text}");
}

#[test]
fn what_is_wrong_is_named() {
    refuse("", r#"RRULE: "" is not of the form NAME=VALUE."#);
    refuse("daily", r#"RRULE: "daily" is not of the form NAME=VALUE."#);
    refuse("INTERVAL=2", "FREQ: is missing.");
    refuse("FREQ=DAILY;", r#"RRULE: "" is not of the form NAME=VALUE."#);
    refuse("FREQ=DAILY;FREQ=DAILY", "FREQ: is given twice.");
    refuse("FREQ=DAILY;BYEASTER=0", r#"RRULE: "BYEASTER" is not a part of a rule."#);
    refuse(
        "FREQ=FORTNIGHTLY",
        r#"FREQ: "FORTNIGHTLY" is not one of SECONDLY, MINUTELY, HOURLY, DAILY, WEEKLY, MONTHLY, YEARLY."#,
    );
    refuse("FREQ=DAILY;INTERVAL=0", r#"INTERVAL: "0" is not a whole number from 1 to 10000000."#);
    refuse("FREQ=DAILY;COUNT=-3", r#"COUNT: "-3" is not a whole number from 1 to 100000."#);
    refuse("FREQ=DAILY;COUNT=3;UNTIL=20300101", "COUNT: cannot be together with UNTIL.");
    refuse(
        "FREQ=DAILY;UNTIL=20300230",
        r#"UNTIL: "20300230" is neither a date like 20261121 nor a time like 20261121T090000 or 20261121T090000Z."#,
    );
    refuse("FREQ=DAILY;BYHOUR=24", r#"BYHOUR: "24" is not a number from 0 to 23."#);
    refuse("FREQ=DAILY;BYHOUR=1,,2", r#"BYHOUR: "" is not a number from 0 to 23."#);
    refuse("FREQ=DAILY;BYMONTH=0", r#"BYMONTH: "0" is not a number from 1 to 12."#);
    refuse("FREQ=MONTHLY;BYMONTHDAY=0", r#"BYMONTHDAY: "0" is not a number from 1 to 31 or -1 to -31."#);
    refuse("FREQ=MONTHLY;BYDAY=54MO", r#"BYDAY: the number in "54MO" is not from 1 to 53 or -1 to -53."#);
    refuse("FREQ=WEEKLY;BYDAY=ÄÖ", "BYDAY: the value is not a weekday like MO, TU, WE, TH, FR, SA or SU.");
    refuse("FREQ=WEEKLY;BYDAY=1MO", "BYDAY: a weekday has a number only with FREQ=MONTHLY or FREQ=YEARLY.");
    refuse("FREQ=YEARLY;BYWEEKNO=3;BYDAY=1MO", "BYDAY: a weekday has no number together with BYWEEKNO.");
    refuse("FREQ=WEEKLY;BYMONTHDAY=1", "BYMONTHDAY: cannot be with FREQ=WEEKLY.");
    refuse("FREQ=MONTHLY;BYYEARDAY=1", "BYYEARDAY: cannot be with FREQ=DAILY, WEEKLY or MONTHLY.");
    refuse("FREQ=MONTHLY;BYWEEKNO=1", "BYWEEKNO: is only for FREQ=YEARLY.");
    refuse("FREQ=DAILY;BYSETPOS=1", "BYSETPOS: needs another BY part, such as BYDAY, to choose from.");
    // What is long, or not plain text, may be a secret in the wrong place, and is not repeated.
    refuse(
        "FREQ=DAILY;WKST=sk-1234567890abcdef",
        "WKST: the value is not a weekday like MO, TU, WE, TH, FR, SA or SU.",
    );
    refuse(&"X".repeat(RULE_BYTES_MAX + 1), "RRULE: a rule has at most 4096 bytes.");
}
