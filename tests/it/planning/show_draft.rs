use std::time::Duration;

use std::fmt::Write;

use jiff::civil::date;
use serde_json::{Value, json};

use super::{REFLECTIONS, id_of, make_goal, make_task};
use crate::app::{Actor, PASSWORD, TestApp};

const DRAFT: &str = "/api/reflections/draft";
/// The week from Monday 19 to Sunday 25 March 2046, at whose end the clocks of Berlin go forward.
const ZONE: &str = "Europe/Berlin";

/// A product and a user at a moment of that week, by their own clock.
struct Week {
    app: TestApp,
    alice: Actor,
}

impl Week {
    async fn begin() -> Self {
        let app = TestApp::start().await;
        let alice = app.register("alice").await;
        let mut week = Self { app, alice };
        week.go_to(19, 8).await;
        assert_eq!(week.alice.put("/api/users/preferences", &json!({"time_zone": ZONE})).await.status, 200);
        week
    }

    /// Moves the time to an hour of a day of March, and signs in again.
    async fn go_to(&mut self, day: i8, hour: i8) {
        let moment = date(2046, 3, day).at(hour, 0, 0, 0).in_tz(ZONE).expect("a moment").timestamp();
        let ahead = moment.duration_since(self.app.clock.now());
        self.app.clock.advance(Duration::try_from(ahead).expect("time goes forward"));
        let login = json!({"email": "alice@example.com", "password": PASSWORD});
        let session = self.app.anon().post("/api/auth/login", &login).await;
        assert_eq!(session.status, 200, "{}", session.text);
        self.alice = self.alice.with_token(session.json()["access_token"].as_str().expect("a token"));
    }

    async fn set(&self, task: &Value, body: Value) -> String {
        let set = self.alice.put(&format!("/api/tasks/{}", id_of(task)), &body).await;
        assert_eq!(set.status, 200, "{}", set.text);
        set.header("action-group").to_owned()
    }

    async fn draft(&self, query: &str) -> Value {
        let draft = self.alice.get(&format!("{DRAFT}?{query}")).await;
        assert_eq!(draft.status, 200, "{}", draft.text);
        draft.json()
    }
}

fn titles(draft: &Value, section: &str) -> Vec<String> {
    let lines = draft[section].as_array().expect("a list").iter();
    lines.map(|line| line["title"].as_str().expect("a title").to_owned()).collect()
}

#[tokio::test]
async fn tells_a_real_week() {
    let mut week = Week::begin().await;
    let alice = week.alice.clone();
    let due = |day: i8| json!({"due_date": format!("2046-03-{day:02}")});
    let goal = make_goal(&alice, "Launch *v2*", "month", json!({"starts_on": "2046-03-01"})).await;
    make_goal(&alice, "Another month", "month", json!({"starts_on": "2046-04-01"})).await;
    make_goal(&alice, "Given up", "week", json!({"starts_on": "2046-03-19", "status": "cancelled"})).await;
    let report = make_task(&alice, "Write the report", json!({"due_date": "2046-03-20", "goal_id": goal["id"]})).await;
    let budget = make_task(&alice, "Plan the budget", due(21)).await;
    let dentist = make_task(&alice, "See the dentist", due(22)).await;
    let taxes = make_task(&alice, "Do the taxes", due(23)).await;
    let fence = make_task(&alice, "Paint the fence", due(20)).await;
    let letter = make_task(&alice, "Post the letter", json!({"goal_id": goal["id"]})).await;
    let dropped = make_task(&alice, "Dropped", due(22)).await;
    make_task(&alice, "Next week", due(30)).await;

    week.go_to(20, 17).await;
    week.set(&report, json!({"status": "done"})).await;
    week.set(&dentist, json!({"due_date": "2046-03-24"})).await;
    week.set(&fence, json!({"due_date": "2046-03-27"})).await;
    week.set(&dropped, json!({"status": "cancelled"})).await;
    // A date that is there for the first time is no move; nor is one that is taken back.
    week.set(&letter, json!({"due_date": "2046-03-21"})).await;
    let mistaken = week.set(&taxes, json!({"due_date": "2046-03-26"})).await;
    assert_eq!(week.alice.post(&format!("/api/undo/{mistaken}"), &Value::Null).await.status, 200);
    week.go_to(23, 9).await;
    week.set(&dentist, json!({"due_date": "2046-04-02", "title": "See [the] dentist"})).await;
    // On Sunday half past eleven in the evening it is still this week in Berlin, and 21:30 elsewhere.
    week.go_to(25, 23).await;
    week.set(&letter, json!({"status": "done"})).await;
    week.go_to(26, 10).await;
    week.set(&budget, json!({"status": "done"})).await;
    week.set(&fence, json!({"due_date": "2046-03-29"})).await;

    let draft = week.draft("type=weekly&date=2046-03-21").await;
    insta::assert_json_snapshot!(draft, {
        ".**.task_id" => "[id]", ".**.goal_id" => "[id]", ".**.completed_at" => "[time]", ".markdown" => "[markdown]",
    });
    insta::assert_snapshot!(draft["markdown"].as_str().expect("a text"));
    assert_eq!(draft["moved"][0]["task_id"], dentist["id"]);

    let monday = week.draft("type=daily").await;
    assert_eq!(monday["period"], json!({"starts_on": "2046-03-26", "ends_on": "2046-03-26"}));
    assert_eq!(titles(&monday, "done"), ["Plan the budget"]);
    assert_eq!(titles(&monday, "moved"), ["Paint the fence"]);

    let kept = json!({"reflection_type": "weekly", "date": "2046-03-21", "content": draft["markdown"]});
    assert_eq!(week.alice.post(REFLECTIONS, &kept).await.status, 201);
}

#[tokio::test]
async fn what_is_due_later_has_not_slipped_yet() {
    let mut week = Week::begin().await;
    for day in [20, 21, 22, 23] {
        make_task(&week.alice, &day.to_string(), json!({"due_date": format!("2046-03-{day}")})).await;
    }
    week.go_to(21, 20).await;
    assert_eq!(titles(&week.draft("type=weekly").await, "slipped"), ["20", "21"]);
    assert_eq!(titles(&week.draft("type=daily&date=2046-03-20").await, "slipped"), ["20"]);
    assert_eq!(titles(&week.draft("type=custom&starts_on=2046-03-21&ends_on=2046-03-23").await, "slipped"), ["21"]);
}

#[tokio::test]
async fn a_day_is_as_long_as_where_the_user_lives() {
    let mut week = Week::begin().await;
    let task = make_task(&week.alice, "late", Value::Null).await;
    week.go_to(25, 23).await;
    week.set(&task, json!({"status": "done"})).await;
    assert_eq!(titles(&week.draft("type=daily&date=2046-03-25").await, "done"), ["late"]);
    // The same moment is on Monday in Tokyo, and an unknown zone counts as UTC.
    for (zone, day) in [("Asia/Tokyo", "2046-03-26"), ("Mars/Base", "2046-03-25")] {
        assert_eq!(week.alice.put("/api/users/preferences", &json!({"time_zone": zone})).await.status, 200);
        let draft = week.draft(&format!("type=daily&date={day}")).await;
        assert_eq!(titles(&draft, "done"), ["late"], "{zone}");
    }
    assert_eq!(week.draft("type=daily").await["time_zone"], "UTC");
}

#[tokio::test]
async fn occurrences_count_and_not_the_task_that_recurs() {
    let mut week = Week::begin().await;
    let owner = week.alice.id();
    let run = make_task(&week.alice, "Run", json!({"due_date": "2046-03-19"})).await;
    let run = id_of(&run);
    let mut sql = format!(
        "insert into recurrences (id, user_id, task_id, rule, start, time_zone, all_day, counts_from, missed_policy,
                                  auto_reschedule, since, created_at, updated_at)
         values (gen_random_uuid(), '{owner}', '{run}', 'FREQ=DAILY', '2046-03-19', '{ZONE}', true, 'schedule', 'all',
                 false, '2046-03-19', now(), now());"
    );
    for (day, status, completed_at) in [
        (19, "done", "'2046-03-19T18:00Z'"),
        (20, "missed", "null"),
        (21, "skipped", "null"),
        (22, "pending", "null"),
        (23, "done", "'2046-03-27T18:00Z'"),
    ] {
        write!(
            sql,
            "insert into occurrences (id, user_id, task_id, original_start, due_date, starts_at, title, status,
                                      completed_at, created_at, updated_at)
             values (gen_random_uuid(), '{owner}', '{run}', '2046-03-{day}', '2046-03-{day}', '2046-03-{day}',
                     {}, '{status}', {completed_at}, now(), now());",
            if day == 20 { "'Run uphill'" } else { "null" }
        )
        .expect("a text takes text");
    }
    sql += "update occurrences set due_date = '2046-03-25', moved = true, updated_at = '2046-03-20T12:00Z'
            where due_date = '2046-03-22';";
    week.app.superuser().await.batch_execute(&sql).await.expect("arranged");
    week.go_to(28, 9).await;
    let draft = week.draft("type=weekly&date=2046-03-21").await;
    assert_eq!(titles(&draft, "done"), ["Run"]);
    assert_eq!(titles(&draft, "slipped"), ["Run uphill", "Run", "Run"]);
    assert_eq!(titles(&draft, "moved"), ["Run"]);
    assert_eq!([&draft["moved"][0]["from"], &draft["moved"][0]["to"]], ["2046-03-22", "2046-03-25"]);
    for section in ["done", "slipped", "moved"] {
        for line in draft[section].as_array().expect("a list") {
            assert!(line["occurrence_id"].is_string() && line["task_id"] == json!(run), "{line}");
        }
    }
}

#[tokio::test]
async fn is_short_enough_to_be_kept() {
    let week = Week::begin().await;
    let owner = week.alice.id();
    let sql = format!(
        "insert into tasks (id, user_id, title, status, completed_at, due_date, created_at, updated_at)
         select gen_random_uuid(), '{owner}', repeat('*', 500), case when n % 2 = 0 then 'done' else 'pending' end,
                case when n % 2 = 0 then '2046-03-19 12:00Z'::timestamptz end, '2046-03-19', now(), now()
         from generate_series(1, 900) n;
         insert into goals (id, user_id, title, timeframe, starts_on, created_at, updated_at)
         select gen_random_uuid(), '{owner}', repeat('_', 500), 'year', '2046-01-01', now(), now() from generate_series(1, 300)"
    );
    week.app.superuser().await.batch_execute(&sql).await.expect("arranged");
    let draft = week.draft("type=daily&date=2046-03-19").await;
    assert_eq!(draft["counts"], json!({"done": 450, "slipped": 450, "moved": 0}));
    assert_eq!([titles(&draft, "done").len(), titles(&draft, "goals").len()], [200, 200]);
    let markdown = draft["markdown"].as_str().expect("a text");
    assert!(markdown.contains("- and 400 more"), "{markdown}");
    let kept = json!({"reflection_type": "daily", "content": markdown});
    assert_eq!(week.alice.post(REFLECTIONS, &kept).await.status, 201);
}

#[tokio::test]
async fn names_the_parameter_at_fault() {
    let app = TestApp::start().await;
    let alice = app.register("alice").await;
    for (query, name) in [
        ("type=hourly", "type"),
        ("type=weekly&date=today", "date"),
        ("type=weekly&date=2026-11-21&starts_on=2026-11-16", "date"),
        ("type=custom", "starts_on"),
        ("type=weekly&starts_on=2026-11-16", "ends_on"),
        ("type=weekly&starts_on=2026-11-16&ends_on=2026-11-23", "ends_on"),
    ] {
        alice.get(&format!("{DRAFT}?{query}")).await.assert_invalid(name);
    }
    alice.get(DRAFT).await.assert_problem(422, "invalid");
}

#[tokio::test]
async fn is_for_oneself() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    make_task(&alice, "secret", json!({"status": "done"})).await;
    let draft = bob.get(&format!("{DRAFT}?type=daily")).await.json();
    assert_eq!(titles(&draft, "done"), [""; 0]);
    app.anon().get(&format!("{DRAFT}?type=daily")).await.assert_problem(401, "token_missing");
}
