//! What holds for every rule: proptest makes them up.

use jiff::civil::{DateTime, date};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::recurrence::{End, Instance, Moment, Rule, Series, Zone};

const FREQUENCIES: [&str; 7] = ["SECONDLY", "MINUTELY", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"];
const LISTS: [&str; 12] = [
    "BYMONTH=1,3,12",
    "BYMONTHDAY=1,15,-1",
    "BYDAY=MO,WE,FR",
    "BYDAY=2MO,-1SU,TH",
    "BYYEARDAY=1,100,-1",
    "BYWEEKNO=1,20,-1",
    "BYHOUR=2,9",
    "BYMINUTE=0,30",
    "BYSECOND=0,59",
    "BYSETPOS=1,-1",
    "WKST=SU",
    "INTERVAL=3",
];
const ZONES: [&str; 4] = ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia"];
/// How many occurrences of an endless series are looked at.
const LOOKED_AT: usize = 60;

/// Rules that hold to the RFC; those that do not are made anew.
fn rules() -> impl Strategy<Value = Rule> {
    let end = prop_oneof![
        Just(String::new()),
        (1..50_u32).prop_map(|count| format!(";COUNT={count}")),
        (0..400_i32).prop_map(|days| {
            let until =
                date(2011, 1, 1).at(2, 30, 0, 0).saturating_add(SignedDuration::from_hours(24 * i64::from(days)));
            format!(";UNTIL={}", Moment::Local(until))
        }),
    ];
    (select(&FREQUENCIES[..]), subsequence(&LISTS[..], 0..5), end).prop_filter_map(
        "the RFC forbids it",
        |(frequency, lists, end)| {
            let lists = lists.iter().map(|list| format!(";{list}")).collect::<Vec<_>>().concat();
            format!("FREQ={frequency}{lists}{end}").parse().ok()
        },
    )
}

fn starts() -> impl Strategy<Value = DateTime> {
    // Around the date line's move of 2011 and the clock changes before it.
    (0..500_i64, 0..48_i64).prop_map(|(day, half_hour)| {
        let offset = SignedDuration::from_mins(day * 24 * 60 + half_hour * 30);
        date(2010, 11, 1).at(0, 0, 0, 0).saturating_add(offset)
    })
}

fn series() -> impl Strategy<Value = Series> {
    (rules(), starts(), select(&ZONES[..])).prop_map(|(rule, start, zone)| {
        let zone: Zone = zone.parse().expect("a zone");
        Series::new(start, zone, false, Some(rule)).expect("a series")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn occurrences_are_sorted_single_and_within(series in series()) {
        let start = series.zone().instant(series.start());
        let found: Vec<Instance> = series.instances().take(LOOKED_AT).collect();
        prop_assert!(found.windows(2).all(|pair| pair[0].at < pair[1].at));
        for instance in &found {
            prop_assert!(instance.at >= start && instance.local >= series.start());
            prop_assert_eq!(series.zone().instant(instance.local), instance.at);
            if let Some(End::Until(Moment::Local(until))) = series.rule().map(Rule::end) {
                prop_assert!(instance.local <= until);
            }
        }
        if let Some(End::Count(count)) = series.rule().map(Rule::end) {
            prop_assert!(series.instances().count() <= count as usize);
        }
    }

    #[test]
    fn a_window_is_the_filtered_whole(series in series(), skip in 0..LOOKED_AT, nudge_seconds in -1..2_i64) {
        let found: Vec<Instance> = series.instances().take(LOOKED_AT).collect();
        if let Some(instance) = found.get(skip) {
            let from = instance.at.saturating_add(SignedDuration::from_secs(nudge_seconds)).expect("in range");
            let expected: Vec<_> = found.iter().copied().filter(|instance| instance.at >= from).collect();
            let window: Vec<_> = series.instances_from(from).take(expected.len()).collect();
            prop_assert_eq!(window, expected);
        }
    }

    #[test]
    fn dates_taken_out_and_added_back_change_nothing(series in series(), chosen in 0..LOOKED_AT) {
        let found: Vec<Instance> = series.instances().take(LOOKED_AT).collect();
        if let Some(instance) = found.get(chosen) {
            let moment = [Moment::Local(instance.local)];
            let without = series.clone().with_dates(&[], &moment).expect("few dates");
            prop_assert!(without.instances().take(LOOKED_AT).all(|other| other.local != instance.local));
            let with = series.clone().with_dates(&moment, &[]).expect("few dates");
            let same: Vec<_> = with.instances().take(found.len()).collect();
            prop_assert_eq!(same, found);
        }
    }

    #[test]
    fn what_is_written_reads_back_equal(series in series()) {
        let rule = series.rule().cloned().expect("it has one");
        prop_assert_eq!(rule.to_string().parse::<Rule>(), Ok(rule));
        prop_assert_eq!(series.to_string().parse::<Series>(), Ok(series));
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC*", parts in "(FREQ|BYDAY|UNTIL|COUNT|BYSETPOS|INTERVAL)=[A-Z0-9,+;=-]{0,30}") {
        for text in [text, parts.clone(), format!("FREQ=DAILY;{parts}"), format!("DTSTART:20250101\nRRULE:{parts}")] {
            let _ = text.parse::<Rule>().map(|rule| rule.to_string());
            let _ = text.parse::<Series>().map(|series| series.instances().take(3).count());
            let _ = text.parse::<Zone>();
        }
    }

    #[test]
    fn no_window_makes_it_panic(series in series(), seconds in Timestamp::MIN.as_second()..Timestamp::MAX.as_second()) {
        let from = Timestamp::from_second(seconds).expect("in range");
        if series.instances_from(from).next().is_some_and(|instance| instance.at < from) {
            prop_assert!(false, "before the window");
        }
    }
}
