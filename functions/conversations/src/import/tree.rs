//! The tree of a conversation without what nobody said: what hung on such a node hangs on the next one above.

use std::collections::{HashMap, HashSet, VecDeque};

use domain::conversation::import::ImportedMessage;
use domain::message::{Role, Status};
use jiff::Timestamp;
use uuid::Uuid;

use super::{Problem, TEXT_BYTES_MAX, just_after, sane};

/// A node of the tree.
#[derive(Debug, Clone, Default)]
pub(crate) struct Node {
    /// What the file calls it.
    pub(crate) key: String,
    /// The node above it, which may be missing.
    pub(crate) parent: Option<String>,
    /// What was said there, if it was.
    pub(crate) said: Option<Said>,
}

/// Something said.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) role: Role,
    pub(crate) content: String,
    pub(crate) model: Option<String>,
    pub(crate) status: Status,
    pub(crate) finish_reason: Option<&'static str>,
    pub(crate) created_at: Option<Timestamp>,
}

/// The tree of what was said, each turn after the one above it.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    turns: Vec<Turn>,
    /// By what the file calls a node: the turn it is in, or the next one above it.
    places: HashMap<String, Option<usize>>,
}

#[derive(Debug)]
struct Turn {
    key: String,
    parent: Option<usize>,
    said: Said,
    children: usize,
}

/// What is known of a conversation's messages beside themselves.
pub(crate) struct Setting<'a> {
    pub(crate) conversation: Uuid,
    /// The model of messages that name none.
    pub(crate) model: &'a str,
    pub(crate) began: Timestamp,
    pub(crate) now: Timestamp,
}

impl Tree {
    /// The tree of these nodes. A node whose parent is missing is a root. Nodes that are above themselves are left
    /// out, and so is a second one of a key.
    pub(crate) fn of_nodes(mut nodes: Vec<Node>) -> Self {
        let mut known = HashSet::new();
        nodes.retain(|node| known.insert(node.key.clone()));
        let mut below: HashMap<Option<String>, Vec<Node>> = HashMap::new();
        for node in nodes {
            let parent = node.parent.clone().filter(|parent| known.contains(parent));
            below.entry(parent).or_default().push(node);
        }
        let mut tree = Self::default();
        let mut open = VecDeque::from([(None, None)]);
        while let Some((key, above)) = open.pop_front() {
            for node in below.remove(&key).unwrap_or_default() {
                let place = match node.said {
                    None => above,
                    Some(said) => Some(tree.add(node.key.clone(), above, said)),
                };
                tree.places.insert(node.key.clone(), place);
                open.push_back((Some(node.key), place));
            }
        }
        tree
    }

    fn add(&mut self, key: String, parent: Option<usize>, said: Said) -> usize {
        if let Some(parent) = parent {
            self.turns[parent].children += 1;
        }
        self.turns.push(Turn { key, parent, said, children: 0 });
        self.turns.len() - 1
    }

    /// Puts replies that follow each other without a question between them, as around the use of a tool, into one.
    pub(crate) fn join_replies(self) -> Self {
        let mut joined = Self::default();
        let mut moved: Vec<usize> = Vec::with_capacity(self.turns.len());
        let only_child: Vec<bool> = self.turns.iter().map(|turn| turn.children == 1).collect();
        for turn in self.turns {
            let parent = turn.parent.map(|parent| moved[parent]);
            let continues = turn.parent.is_some_and(|parent| only_child[parent]) && turn.said.role == Role::Assistant;
            let above = parent.filter(|_| continues).map(|parent| &mut joined.turns[parent].said);
            match (above, parent) {
                (Some(above), Some(parent)) if above.role == Role::Assistant => {
                    above.content.push_str("\n\n");
                    above.content.push_str(&turn.said.content);
                    above.status = turn.said.status;
                    above.finish_reason = turn.said.finish_reason;
                    above.model = turn.said.model.or(above.model.take());
                    moved.push(parent);
                }
                _ => {
                    let place = joined.add(turn.key, parent, turn.said);
                    moved.push(place);
                }
            }
        }
        joined.places = self.places.into_iter().map(|(key, place)| (key, place.map(|place| moved[place]))).collect();
        joined
    }

    /// How many turns there are.
    pub(crate) fn len(&self) -> usize {
        self.turns.len()
    }

    /// The first thing that the user said.
    pub(crate) fn first_question(&self) -> Option<&str> {
        let first = self.turns.iter().find(|turn| turn.said.role == Role::User);
        first.map(|turn| turn.said.content.as_str())
    }

    /// The messages, each after its parent and later than it, and the one at or above `head`; without that the
    /// latest.
    pub(crate) fn into_messages(
        self,
        head: Option<&str>,
        setting: &Setting<'_>,
    ) -> Result<(Uuid, Vec<ImportedMessage>), Problem> {
        let head = head.and_then(|head| self.places.get(head).copied().flatten());
        let mut messages: Vec<ImportedMessage> = Vec::with_capacity(self.turns.len());
        for Turn { key, parent, said, .. } in self.turns {
            if said.content.len() > TEXT_BYTES_MAX {
                return Err("A message is longer than 1 MiB.");
            }
            let parent = parent.map(|parent| &messages[parent]);
            let earliest = parent.map_or(setting.began, |parent| just_after(parent.created_at));
            let own = said.created_at.map(|time| sane(time, setting.now));
            let is_reply = said.role == Role::Assistant;
            messages.push(ImportedMessage {
                id: Uuid::new_v5(&setting.conversation, key.as_bytes()),
                parent_id: parent.map(|parent| parent.id),
                role: said.role,
                content: said.content,
                model: said.model.unwrap_or_else(|| setting.model.to_owned()),
                status: if is_reply { said.status } else { Status::Complete },
                finish_reason: said.finish_reason.filter(|_| is_reply),
                created_at: own.map_or(earliest, |own| if parent.is_some() { own.max(earliest) } else { own }),
            });
        }
        let latest = || (0..messages.len()).max_by_key(|place| messages[*place].created_at);
        let head = head.or_else(latest).ok_or("It has no messages.")?;
        Ok((messages[head].id, messages))
    }
}
