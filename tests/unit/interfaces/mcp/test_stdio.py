"""A line that is no valid message is answered with an error, if it has an id."""

import asyncio

import mcp_types as types
import pytest
from pydantic import ValidationError

from scheduled.interfaces.mcp.stdio import PARSE_ERROR, id_of, marked, refusal

DEEP = '{"a":' * 3000 + "1" + "}" * 3000


@pytest.mark.parametrize(("line", "number"), [
    ('{"jsonrpc":"2.0","id":7,"params":{"id":8}}', 7), ('{"params":{"id":8},"id":"x-1"}', "x-1"), ('{"id" : 12 , broken', 12),
    (f'{{"params":{DEEP},"id":3}}', 3), ('{"method":"note","params":{"id":8}}', None), ('{"text":"\\\\"id\\\\":5"}', None),
    ('[{"id":5}]', None), ('{"id":{"id":5}}', None), ("", None), ("nonsense", None), ('{"id":[5]}', None), ('{"id":}', None),
])  # fmt: skip
def test_the_id_of_a_line_is_found_at_its_first_level(line, number):
    assert id_of(line) == number


@pytest.mark.parametrize(("line", "code", "words"), [
    (f'{{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{DEEP}}}', PARSE_ERROR, "nested too deeply"),
    ('{"jsonrpc":"2.0","id":3,', PARSE_ERROR, "EOF while parsing"),
])  # fmt: skip
def test_the_reason_is_in_words(line, code, words):
    with pytest.raises(ValidationError) as wrong:
        types.jsonrpc_message_adapter.validate_json(line, by_name=False)

    answer = refusal(wrong.value)

    assert answer is not None
    assert (answer.id, answer.error.code) == (3, code) and words in answer.error.message


def test_a_line_without_an_id_is_not_answered():
    with pytest.raises(ValidationError) as wrong:
        types.jsonrpc_message_adapter.validate_json("nonsense", by_name=False)

    assert refusal(wrong.value) is None


def test_a_message_with_a_key_that_occurs_twice_is_refused_by_name():
    one = '{"jsonrpc":"2.0","id":3,"method":"m","params":{"a":{"a":1},"b":[{"a":1},{"a":2}]}}\n'
    other = '{"jsonrpc":"2.0","id":4,"method":"m","params":[{"b":1,"a":1,"\\u0061":2}]}\n'

    async def lines():
        for line in (one, other, "no JSON\n"):
            yield line

    async def read():
        return [line async for line in marked(lines())]

    first, second, third = asyncio.run(read())
    with pytest.raises(ValidationError) as wrong:
        types.jsonrpc_message_adapter.validate_json(second, by_name=False)
    answer = refusal(wrong.value)

    assert (first, third) == (one, "no JSON\n")
    assert answer is not None
    assert (answer.id, answer.error.message) == (
        4,
        "not a valid message: a: occurs twice in one object; write it once",
    )
