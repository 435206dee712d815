//! The proleptic Gregorian calendar as plain numbers: what expanding a rule asks of a day, without allocating.

use jiff::civil::Date;

/// Days of one cycle of the calendar: 400 years.
const DAYS_PER_ERA: i32 = 146_097;
/// From 0000-03-01, where the arithmetic begins, to 1970-01-01.
const DAYS_BEFORE_1970: i32 = 719_468;

/// A day, counted from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Day(pub(super) i32);

/// Where a day lies in its year.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) year: i32,
    /// 1 to 12.
    pub(super) month: i32,
    /// 1 to 31.
    pub(super) day: i32,
}

impl Day {
    pub(super) fn of(date: Date) -> Self {
        Self::new(i32::from(date.year()), i32::from(date.month()), i32::from(date.day()))
    }

    /// The day of a year, month (1 to 12) and day (1 to 31). Years begin in March here, so that the leap day is
    /// the last one.
    pub(super) fn new(year: i32, month: i32, day: i32) -> Self {
        let year = if month <= 2 { year - 1 } else { year };
        let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Self(era * DAYS_PER_ERA + day_of_era - DAYS_BEFORE_1970)
    }

    pub(super) fn place(self) -> Place {
        let days = self.0 + DAYS_BEFORE_1970;
        let (era, day_of_era) = (days.div_euclid(DAYS_PER_ERA), days.rem_euclid(DAYS_PER_ERA));
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + i32::from(month <= 2);
        Place { year, month, day }
    }

    /// The date, if its year is one of jiff's (-9999 to 9999).
    pub(super) fn date(self) -> Option<Date> {
        let Place { year, month, day } = self.place();
        Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
    }

    /// 0 for Monday to 6 for Sunday. 1970-01-01 was a Thursday.
    pub(super) fn weekday(self) -> i32 {
        (self.0 + 3).rem_euclid(7)
    }

    /// The first day of the week it is in, when weeks begin on `week_start`.
    pub(super) fn week_start(self, week_start: i32) -> Self {
        Self(self.0 - (self.weekday() - week_start).rem_euclid(7))
    }
}

impl Place {
    /// 1 to 366.
    pub(super) fn day_of_year(self) -> i32 {
        Day::new(self.year, self.month, self.day).0 - Day::new(self.year, 1, 1).0 + 1
    }
}

pub(super) fn is_leap(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// 365 or 366.
pub(super) fn days_of_year(year: i32) -> i32 {
    365 + i32::from(is_leap(year))
}

/// 28 to 31.
pub(super) fn days_of_month(year: i32, month: i32) -> i32 {
    match month {
        2 => 28 + i32::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The number of a day's week in the year that the week belongs to, from the front (1 to 53) and from the back
/// (-1 to -53). A week belongs to the year that has at least four of its days (RFC 5545, section 3.3.10).
pub(super) fn week_numbers(day: Day, week_start: i32) -> (i32, i32) {
    let this = day.week_start(week_start);
    let year = Day(this.0 + 3).place().year;
    let first_of = |year: i32| Day::new(year, 1, 4).week_start(week_start).0;
    let number = (this.0 - first_of(year)) / 7 + 1;
    let weeks = (first_of(year + 1) - first_of(year)) / 7;
    (number, number - weeks - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_jiff_on_every_day_of_a_cycle() {
        let mut date = Date::constant(1899, 12, 31);
        let mut day = Day::of(date);
        while date.year() < 2301 {
            assert_eq!(day.date(), Some(date));
            assert_eq!(Day::of(date), day);
            assert_eq!(day.weekday(), i32::from(date.weekday().to_monday_zero_offset()));
            assert_eq!(day.place().day_of_year(), i32::from(date.day_of_year()));
            assert_eq!(days_of_year(i32::from(date.year())), i32::from(date.days_in_year()));
            assert_eq!(days_of_month(day.place().year, day.place().month), i32::from(date.days_in_month()));
            let (number, _) = week_numbers(day, 0);
            assert_eq!(number, i32::from(date.iso_week_date().week()), "{date}");
            date = date.tomorrow().expect("within range");
            day = Day(day.0 + 1);
        }
    }

    #[test]
    fn weeks_count_from_the_back_too() {
        assert_eq!(week_numbers(Day::new(2020, 12, 31), 0), (53, -1));
        assert_eq!(week_numbers(Day::new(2021, 1, 3), 0), (53, -1));
        assert_eq!(week_numbers(Day::new(2021, 1, 4), 0), (1, -52));
        assert_eq!(week_numbers(Day::new(1997, 12, 29), 0), (1, -53));
        // With weeks that begin on Sunday, the first week of 2022 begins on January 2nd.
        assert_eq!(week_numbers(Day::new(2022, 1, 2), 6), (1, -52));
        assert_eq!(week_numbers(Day::new(2022, 1, 1), 6), (52, -1));
    }

    #[test]
    fn the_ends_of_time_have_dates_and_what_lies_beyond_has_none() {
        assert_eq!(Day::of(Date::MAX).date(), Some(Date::MAX));
        assert_eq!(Day::of(Date::MIN).date(), Some(Date::MIN));
        assert_eq!(Day(Day::of(Date::MAX).0 + 1).date(), None);
        assert_eq!(Day(Day::of(Date::MIN).0 - 1).date(), None);
    }
}
