//! `almanac dev` and `almanac doctor` under what happens on people's machines.

use std::fs;
use std::net::TcpListener;
use std::process::Output;

use super::program::{Program, data_folder, run, wait_for_no_server};

/// What a failed run said, which is one sentence for people.
fn complaint(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_second_program_on_the_same_data_says_so() {
    let data = data_folder();
    let mut first = Program::start(data.path());
    first.wait_until_serving();
    let said = complaint(&run("dev", data.path(), &[]));
    assert!(said.contains("Another almanac (process"), "{said}");
    first.stop();
}

#[test]
fn a_port_in_use_is_told_before_anything_is_made() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let data = tempfile::tempdir().unwrap();
    let said = complaint(&run("dev", data.path(), &[("PORT", &port)]));
    assert!(said.contains(&format!("Port {port} on 127.0.0.1 is in use")), "{said}");
    assert_eq!(data.path().read_dir().unwrap().count(), 0);
}

#[test]
fn half_a_setting_is_told_before_anything_is_made() {
    let data = tempfile::tempdir().unwrap();
    let said = complaint(&run("dev", data.path(), &[("CLERK_WEBHOOK_SECRET", "whsec_dGVzdHMgb25seQ==")]));
    assert!(said.contains("CLERK_ISSUER: is not set") && !said.contains("whsec_"), "{said}");
    assert_eq!(data.path().read_dir().unwrap().count(), 0);
}

#[test]
fn a_killed_program_leaves_no_server_and_the_next_one_starts() {
    let data = data_folder();
    let mut first = Program::start(data.path());
    first.wait_until_serving();
    first.kill();
    // At once, while the server of the first may still be ending.
    let mut second = Program::start(data.path());
    second.wait_until_serving();
    second.kill();
    wait_for_no_server(data.path());
}

#[test]
fn a_stale_process_number_does_not_stop_the_start() {
    let data = data_folder();
    // This test's own process is alive and is no database, as after a container was started anew.
    let cluster = data.path().join("postgres");
    let content = format!("{}\n{}\n1700000000\n5432\n\n\n", std::process::id(), cluster.display());
    fs::write(cluster.join("postmaster.pid"), content).unwrap();
    let mut program = Program::start(data.path());
    program.wait_until_serving();
    program.stop();
}

#[test]
fn broken_data_is_refused_and_left_as_it_is() {
    let data = data_folder();
    fs::remove_file(data.path().join("postgres/PG_VERSION")).unwrap();
    let before = data.path().join("postgres").read_dir().unwrap().count();
    let said = complaint(&run("dev", data.path(), &[]));
    assert!(said.contains("PG_VERSION is missing") && said.contains("Nothing was changed"), "{said}");
    assert_eq!(data.path().join("postgres").read_dir().unwrap().count(), before);
}

#[test]
fn data_of_a_damaged_database_is_explained() {
    let data = data_folder();
    fs::write(data.path().join("postgres/global/pg_control"), [0_u8; 64]).unwrap();
    let said = complaint(&run("dev", data.path(), &[]));
    assert!(said.contains("The database did not start") && said.contains("PostgreSQL said:"), "{said}");
}

#[test]
fn data_of_another_version_is_refused() {
    let data = data_folder();
    fs::write(data.path().join("postgres/PG_VERSION"), "9\n").unwrap();
    let said = complaint(&run("dev", data.path(), &[("ALMANAC_POSTGRES_SOURCE", "installed")]));
    assert!(said.contains("was written by PostgreSQL 9") || said.contains("was found"), "{said}");
}

#[test]
fn a_folder_of_somebody_elses_files_is_left_alone() {
    let data = tempfile::tempdir().unwrap();
    fs::write(data.path().join("thesis.txt"), "mine").unwrap();
    let said = complaint(&run("dev", data.path(), &[]));
    assert!(said.contains("holds files that are not Almanac's"), "{said}");
    assert_eq!(data.path().read_dir().unwrap().count(), 1);
}

#[test]
fn the_doctor_shows_no_secret() {
    let data = data_folder();
    let output = run(
        "doctor",
        data.path(),
        &[
            ("OPENAI_API_KEY", "sk-hunter2"),
            ("OPENAI_BASE_URL", "https://user:hunter2@proxy.example/v1?key=hunter2"),
            ("AUTH_SIGNING_KEY", "hunter2"),
            ("DATABASE_URL", "postgres://almanac_app:hunter2@127.0.0.1:1/almanac"),
        ],
    );
    let said = complaint(&output) + &String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("OPENAI_API_KEY is set") && said.contains("https://proxy.example/v1"), "{said}");
    assert!(said.contains("problem  database"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn the_doctor_asks_the_store() {
    let data = tempfile::tempdir().unwrap();
    let settings = [
        ("STORE_TABLE", "limits"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "hunter2"),
        ("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9"),
        ("JOBS_QUEUE_URL", "http://127.0.0.1:9/queue"),
        ("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:9"),
    ];
    let output = run("doctor", data.path(), &settings);
    let said = complaint(&output) + &String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("problem  store") && said.contains("ok       queue"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn the_doctor_is_content_with_a_fresh_machine() {
    let data = tempfile::tempdir().unwrap();
    let output = run("doctor", data.path(), &[]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(data.path().read_dir().unwrap().count(), 0, "it changes nothing");
}
