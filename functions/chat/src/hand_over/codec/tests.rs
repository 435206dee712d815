use proptest::prelude::*;

use super::*;

fn usage() -> impl Strategy<Value = Usage> {
    (0..=i64::MAX, 0..=i64::MAX, any::<bool>()).prop_map(|(input_tokens, output_tokens, estimated)| Usage {
        input_tokens,
        output_tokens,
        estimated,
    })
}

fn id() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn text() -> impl Strategy<Value = Arc<str>> {
    "\\PC{0,40}|[\\x00-\\x7f]{120,140}".prop_map(Arc::from)
}

fn part() -> impl Strategy<Value = Part> {
    let reasons = ["stop", "length", "content-filter", "tool-calls", "other"];
    prop_oneof![
        (id(), id(), id(), text()).prop_map(|(reply_id, conversation_id, question_id, model)| Part::Start {
            reply_id,
            conversation_id,
            question_id,
            model
        }),
        (id(), text()).prop_map(|(conversation_id, title)| Part::Title { conversation_id, title }),
        Just(Part::TextStart),
        text().prop_map(Part::Text),
        Just(Part::TextEnd),
        Just(Part::ReasoningStart),
        text().prop_map(Part::Reasoning),
        Just(Part::ReasoningEnd),
        (prop::sample::select(reasons.to_vec()), usage()).prop_map(|(reason, usage)| Part::Finish { reason, usage }),
        Just(Part::Abort),
        (text(), text()).prop_map(|(code, detail)| Part::Error { code: code.to_string().into(), detail }),
    ]
}

proptest! {
    #[test]
    fn parts_survive_any_cut(parts in prop::collection::vec(part(), 0..12), size in 1_usize..200) {
        let mut bytes = Vec::new();
        encode(&parts, &mut bytes);
        let (mut decoder, mut read) = (Decoder::default(), Vec::new());
        for piece in bytes.chunks(size) {
            decoder.read(&batch(piece), &mut read).expect("it is this version's");
        }
        prop_assert_eq!(read, parts);
    }

    #[test]
    fn anything_is_read_without_panic(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 0..4)) {
        let (mut decoder, mut read) = (Decoder::default(), Vec::new());
        for piece in pieces {
            let _anything = decoder.read(&batch(&piece), &mut read);
        }
    }
}

#[track_caller]
fn check_unreadable(batch: &[u8]) {
    assert_eq!(Decoder::default().read(batch, &mut Vec::new()), Err(Unreadable), "{batch:?}");
}

#[test]
fn what_another_version_wrote_is_not_guessed() {
    check_unreadable(&[]);
    check_unreadable(&[VERSION + 1, ABORT]);
    check_unreadable(&[VERSION, 99]);
    check_unreadable(&[VERSION, TEXT, 0xff, 0xff, 0xff, 0xff, 0x7f]);
    check_unreadable(&[VERSION, TEXT, 1, 0xff]);
}

#[test]
fn a_delta_costs_two_bytes_more_than_its_text() {
    let mut bytes = Vec::new();
    encode(&[Part::Text(" word".into())], &mut bytes);
    assert_eq!(bytes.len(), " word".len() + 2);
}
