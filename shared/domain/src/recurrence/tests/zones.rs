//! Wall clocks that skip and double hours, and a few hand-made cases.

use jiff::Timestamp;
use jiff::civil::date;

use crate::recurrence::{End, Frequency, Moment, Rule, Series, Zone};

fn series(lines: &str) -> Series {
    lines.parse().unwrap_or_else(|error| panic!("{lines}: {error}"))
}

#[track_caller]
fn check(lines: &str, expected: &[&str]) {
    let series = series(lines);
    let found: Vec<_> = series.instances().take(expected.len()).map(|instance| instance.at.to_string()).collect();
    assert_eq!(found, expected, "{lines}");
}

#[test]
fn a_skipped_time_is_read_with_the_offset_before_the_gap() {
    check(
        "DTSTART;TZID=America/New_York:20070310T023000\nRRULE:FREQ=DAILY;COUNT=3",
        &["2007-03-10T07:30:00Z", "2007-03-11T07:30:00Z", "2007-03-12T06:30:00Z"],
    );
    // 2:00 skipped is 3:00; the 3:00 of the rule is the same instant and does not come twice.
    check(
        "DTSTART;TZID=America/New_York:20070311T010000\nRRULE:FREQ=HOURLY;COUNT=4",
        &["2007-03-11T06:00:00Z", "2007-03-11T07:00:00Z", "2007-03-11T08:00:00Z"],
    );
    check(
        "DTSTART;TZID=America/New_York:20070311T013000\nRRULE:FREQ=MINUTELY;INTERVAL=45",
        &["2007-03-11T06:30:00Z", "2007-03-11T07:00:00Z", "2007-03-11T07:15:00Z", "2007-03-11T07:45:00Z"],
    );
}

#[test]
fn of_a_doubled_time_the_first_is_taken() {
    check(
        "DTSTART;TZID=Europe/Berlin:20251025T023000\nRRULE:FREQ=DAILY",
        &["2025-10-25T00:30:00Z", "2025-10-26T00:30:00Z", "2025-10-27T01:30:00Z"],
    );
    check(
        "DTSTART;TZID=Europe/Berlin:20251026T010000\nRRULE:FREQ=HOURLY",
        &["2025-10-25T23:00:00Z", "2025-10-26T00:00:00Z", "2025-10-26T02:00:00Z"],
    );
    // UNTIL is an instant: 2:45 is its first, and 2:30 is shown a second time after it.
    check(
        "DTSTART;TZID=Europe/Berlin:20251026T021500\nRRULE:FREQ=MINUTELY;INTERVAL=15;UNTIL=20251026T013000Z",
        &["2025-10-26T00:15:00Z", "2025-10-26T00:30:00Z", "2025-10-26T00:45:00Z"],
    );
}

#[test]
fn half_hours_and_whole_days_are_skipped_too() {
    check(
        "DTSTART;TZID=Australia/Lord_Howe:20251004T021500\nRRULE:FREQ=DAILY",
        &["2025-10-03T15:45:00Z", "2025-10-04T15:45:00Z", "2025-10-05T15:15:00Z"],
    );
    // Apia had no December 30th, 2011: 09:00 of that day is 09:00 of the next, which the rule names as well.
    check(
        "DTSTART;TZID=Pacific/Apia:20111229T090000\nRRULE:FREQ=DAILY",
        &["2011-12-29T19:00:00Z", "2011-12-30T19:00:00Z", "2011-12-31T19:00:00Z"],
    );
}

/// Nothing is before the start, by no clock.
#[test]
fn a_start_that_clocks_skip_comes_first() {
    // 02:30 of the day that Apia skipped is 02:30 of the next, whose 02:00 is the rule's but half an hour too early.
    check(
        "DTSTART;TZID=Pacific/Apia:20111230T023000\nRRULE:FREQ=MINUTELY;INTERVAL=10;BYHOUR=2",
        &[
            "2011-12-30T12:30:00Z",
            "2011-12-30T12:40:00Z",
            "2011-12-30T12:50:00Z",
            "2011-12-31T12:00:00Z",
            "2011-12-31T12:10:00Z",
        ],
    );
}

/// The images that functions run in have no time zone database of their own.
#[test]
fn zones_are_known_wherever_it_runs() {
    for name in jiff::tz::TimeZoneDatabase::bundled().available() {
        let zone: Zone = name.as_str().parse().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(zone.name(), Some(name.as_str()));
    }
    assert!(jiff::tz::TimeZoneDatabase::bundled().get("Europe/Berlin").is_ok());
}

#[test]
fn an_occurrence_keeps_its_name_where_clocks_skip_it() {
    let series = series("DTSTART;TZID=America/New_York:20070310T023000\nRRULE:FREQ=DAILY");
    let skipped = series.instances().nth(1).expect("an endless series");
    assert_eq!(skipped.local, date(2007, 3, 11).at(2, 30, 0, 0));
    assert_eq!(series.zone().local(skipped.at), date(2007, 3, 11).at(3, 30, 0, 0));
}

#[test]
fn a_rule_that_never_matches_ends() {
    for rule in [
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30,31",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=WEEKLY;BYDAY=MO;BYSETPOS=2",
        "FREQ=MINUTELY;INTERVAL=1440;BYHOUR=5",
        "FREQ=SECONDLY;INTERVAL=86400;BYSECOND=5",
        "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=YEARLY;BYWEEKNO=53;BYMONTH=6",
        "FREQ=HOURLY;BYMINUTE=1;BYSETPOS=2",
        "FREQ=YEARLY;INTERVAL=10000000;BYMONTH=1",
    ] {
        let series = series(&format!("DTSTART;TZID=Europe/Berlin:20250301T090000\nRRULE:{rule}"));
        assert_eq!(series.instances().next(), None, "{rule}");
        assert_eq!(series.instances_between(Timestamp::MIN, Timestamp::MAX).next(), None, "{rule}");
    }
}

#[test]
fn the_end_of_time_ends_a_series() {
    let last = series("DTSTART;TZID=America/New_York:99981130T090000\nRRULE:FREQ=DAILY").instances().last();
    assert_eq!(last.map(|instance| instance.local.date().to_string()).as_deref(), Some("9998-12-31"));
    let last = series("DTSTART:99981231T235958\nRRULE:FREQ=SECONDLY").instances().last();
    assert_eq!(last.map(|instance| instance.local), Some(date(9998, 12, 31).at(23, 59, 59, 0)));
}

#[test]
fn dates_are_added_and_taken_out() {
    // UNTIL ends the rule, not the added dates; an added date may come before the start.
    check(
        "DTSTART;TZID=Europe/Berlin:20250301T090000\nRRULE:FREQ=DAILY;UNTIL=20250303\n\
         RDATE;TZID=Europe/Berlin:20250401T100000\nRDATE:20250101T080000Z\nEXDATE;TZID=Europe/Berlin:20250302T090000",
        &["2025-01-01T08:00:00Z", "2025-03-01T08:00:00Z", "2025-03-03T08:00:00Z", "2025-04-01T08:00:00Z"],
    );
    assert_eq!(series("DTSTART;VALUE=DATE:20250301\nRDATE;VALUE=DATE:20250305,20250305").instances().count(), 2);
}

#[test]
fn far_windows_are_reached_and_counted_right() {
    let endless = series("DTSTART;TZID=Europe/Berlin:19950101T090000\nRRULE:FREQ=DAILY");
    let counted = series("DTSTART;TZID=Europe/Berlin:19950101T090000\nRRULE:FREQ=DAILY;COUNT=11300");
    let (from, to) = ("2025-12-01T00:00:00Z".parse().expect("a time"), "2025-12-20T00:00:00Z".parse().expect("a time"));
    assert_eq!(endless.instances_between(from, to).count(), 19);
    // Day 11,300 is 2025-12-08.
    let days: Vec<_> = counted.instances_between(from, to).map(|instance| instance.local.day()).collect();
    assert_eq!(days, [1, 2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn series_refuse_what_makes_no_sense() {
    let refuse = |lines: &str, message: &str| {
        let error = lines.parse::<Series>().expect_err(lines);
        assert_eq!(error.to_string(), message);
    };
    refuse("RRULE:FREQ=DAILY", "DTSTART: is missing.");
    refuse("DTSTART:20250101\nRRULE:FREQ=HOURLY", "FREQ: whole days repeat DAILY, WEEKLY, MONTHLY or YEARLY.");
    refuse(
        "DTSTART;TZID=Mars/Base:20250101T000000",
        "TZID: not a time zone of the IANA database, such as Europe/Berlin.",
    );
    refuse("DTSTART:20250101\nEXRULE:FREQ=DAILY", "DTSTART: only DTSTART, RRULE, RDATE and EXDATE make a series.");
    refuse("DTSTART:20250101\nRRULE:FREQ=DAILY\nRRULE:FREQ=DAILY", "RRULE: is given twice.");
    refuse("DTSTART:20250101\nDTSTART:20250101", "DTSTART: is given twice.");
    refuse("DTSTART", "DTSTART: a line is not of the form NAME:VALUE.");
    let dates = vec![Moment::Date(date(2025, 1, 1)); 1_001];
    let daily = Series::new(date(2025, 1, 1).at(9, 0, 0, 0), Zone::floating(), false, None).expect("a series");
    assert_eq!(daily.with_dates(&[], &dates).expect_err("too many").to_string(), "EXDATE: more than 1000 dates.");
}

#[test]
fn lines_are_unfolded_and_times_of_whole_days_ignored() {
    let folded = series("DTSTART;VALUE=DATE:20250101\r\nRRULE:FREQ=WEEK\r\n LY;BYDAY=M\r\n\tO;BYHOUR=9\r\n");
    assert_eq!(folded.to_string(), "DTSTART;VALUE=DATE:20250101\nRRULE:FREQ=WEEKLY;BYDAY=MO\n");
    assert_eq!(folded.instances().next().map(|first| first.local), Some(date(2025, 1, 6).at(0, 0, 0, 0)));
    let ended = Rule::every(Frequency::Weekly).with_end(End::Until(Moment::Date(date(2026, 1, 1))));
    assert_eq!(ended.to_string(), "FREQ=WEEKLY;UNTIL=20260101");
}
