"""What is wrong in `online.toml` is told in Vietnamese, and where it is explained."""

import pytest

from ebrvt_connect.errors import HeldForPerson
from ebrvt_connect.transport.clock import SystemClock
from ebrvt_connect.transport.revocation_fetch import NotFetched, RevocationFetcher
from ebrvt_connect.transport.revocation_settings import OnlineSettings, load_online_settings


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('[revocation]\nhosts = ["http://a/"]\n', "hosts: phải là máy chủ hoặc máy chủ:cổng"),
        ('[revocation]\nhosts = "a"\n', "hosts: phải là danh sách đặt trong dấu [ ]"),
        ("[revocation]\ntries = 9\n", "tries: không được quá 5"),
        ('[revocation]\nrewrite = { "x" = "y" }\n', "rewrite: phải là địa chỉ dạng http://"),
        ("[revocation]\nhost = []\n", "không có mục"),
        ("[revocation\n", "sai cú pháp TOML ở dòng 1"),
    ],
)
def test_a_wrong_setting_is_told_in_vietnamese(tmp_path, content, said):
    (tmp_path / "online.toml").write_text(content)
    with pytest.raises(HeldForPerson) as caught:
        load_online_settings(tmp_path)

    assert said in caught.value.explanation_vi
    assert not any(word in caught.value.explanation_vi for word in ("Input", "expected", "Value error"))
    assert "docs/operate/trust.md" in caught.value.advice_vi


def test_a_server_that_does_not_answer_is_told_without_codes():
    here = ("127.0.0.1:1",)
    fetcher = RevocationFetcher(OnlineSettings(hosts=here, private_hosts=here, tries=1), clock=SystemClock())
    with pytest.raises(NotFetched) as caught:
        fetcher.get("http://127.0.0.1:1/co-quan.crl")
    fetcher.close()

    assert caught.value.reason_vi == "127.0.0.1:1 từ chối kết nối"
