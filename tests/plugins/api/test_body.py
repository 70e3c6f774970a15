import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartops import ValidationFailed
from smartops_api.body import MAX_TEXT, Body, read_body


def test_the_documented_body_is_accepted():
    body = read_body(
        {
            "type": "message",
            "id": "act-1",
            "text": "  list instances\n",
            "from": {"id": "user-id", "name": "User Name", "aadObjectId": "x"},
            "conversation": {"id": "conversation-id", "isGroup": False},
            "channelId": "emulator",
            "locale": None,
        }
    )

    assert body == Body(
        id="act-1",
        text="list instances",
        action="",
        sender="user-id",
        sender_name="User Name",
        conversation="conversation-id",
    )


def test_text_is_the_only_required_member():
    assert read_body({"text": "list instances"}) == Body("", "list instances", "", "", "", "")


def test_an_action_is_sent_back_as_a_value():
    body = read_body({"type": "message", "value": {"action": "confirm_action_123"}, "text": ""})

    assert (body.action, body.text) == ("confirm_action_123", "")


def test_text_keeps_line_breaks_and_quotes():
    assert read_body({"text": 'execute "a\n\tb" on c'}).text == 'execute "a\n\tb" on c'


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({}, "send either text"),
        ({"text": " \n"}, "send either text"),
        ({"text": "a", "value": {"action": "b"}}, "send either text"),
        ({"value": {}}, "send either text"),
        ({"text": ["a"]}, "text must be a string"),
        ({"text": "a\x00b"}, "text holds control characters"),
        ({"text": "a" * (MAX_TEXT + 1)}, "text is longer than"),
        ({"text": "a", "type": "typing"}, "type must be message"),
        ({"text": "a", "type": None}, "type must be message"),
        ({"text": "a", "id": 5}, "id must be a string"),
        ({"text": "a", "id": "x" * 257}, "id is longer than 256"),
        ({"text": "a", "id": "a\nb"}, "id holds characters that cannot be printed"),
        ({"text": "a", "from": "alice"}, "from must be an object"),
        ({"text": "a", "from": {"id": 7}}, "from.id must be a string"),
        ({"text": "a", "from": {"name": []}}, "from.name must be a string"),
        ({"text": "a", "conversation": [1]}, "conversation must be an object"),
        ({"text": "a", "conversation": {"id": "\u202e"}}, "conversation.id holds characters"),
        ({"value": "confirm"}, "value must be an object"),
        ({"value": {"action": True}}, "value.action must be a string"),
    ],
)
def test_the_error_names_the_invalid_member(document, place):
    with pytest.raises(ValidationFailed) as caught:
        read_body(document)

    assert place in caught.value.details


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["type", "id", "text", "from", "conversation", "value", "other"]),
        json_values | st.just("message") | st.fixed_dictionaries({"id": st.text(max_size=3)}),
    )
)
def test_any_object_is_accepted_or_refused(document):
    try:
        body = read_body(document)
    except ValidationFailed:
        return
    assert bool(body.text) != bool(body.action)
