import json

from smartops.reply import Reply
from smartops.wire import dump_json


def test_lazy_data_is_computed_once_on_access():
    made: list[str] = []

    def data() -> dict[str, object]:
        made.append("made")
        return {"count": 2, "names": ["a", "b"]}

    reply = Reply.of("Two of them", data=data)
    assert made == []

    assert reply.data == {"count": 2, "names": ["a", "b"]}
    assert {**reply.data, "more": 1} == {"count": 2, "names": ["a", "b"], "more": 1}
    assert made == ["made"]


def test_lazy_data_is_serialized_like_other_data():
    late = Reply.of("Two of them", data=lambda: {"count": 2})
    early = Reply.of("Two of them", data={"count": 2})

    assert json.loads(dump_json(late.data)) == {"count": 2}
    assert late.dump() == early.dump()
    assert Reply.load(late.dump()).data == {"count": 2}
