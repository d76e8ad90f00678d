"""What is seen of signatures: looked at as pages are, by poppler, and judged by our own verdict."""

import shutil
import subprocess
from datetime import UTC, datetime
from io import BytesIO

import pikepdf
import PIL.Image
import PIL.ImageChops
import PIL.ImageDraw
import pytest
from reportlab.pdfgen.canvas import Canvas

from ebrvt_connect.errors import HeldForPerson
from ebrvt_connect.testing.pki import SandboxPki
from ebrvt_connect.transport.signing_appearance import AppearanceRules, Place
from ebrvt_connect.transport.signing_pdf import sign_pdf
from ebrvt_connect.trust.policy import VN_2025
from ebrvt_connect.trust.verdict import Indication
from ebrvt_connect.trust.verify import verify_bytes

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
A4 = (595.276, 841.89)
MM = 72 / 25.4
DPI = 72
RULES = AppearanceRules.packaged()
TITLE_Y, NAME_Y, MIDDLE = 290, 185, 420
PLACE = Place(-1, 320 / MM, (NAME_Y + 12) / MM, 520 / MM, (TITLE_Y - 5) / MM)
"""Between title and name."""
BLUE, RED = (20, 40, 170, 255), (210, 20, 30, 230)

needs_poppler = pytest.mark.skipif(
    shutil.which("pdftoppm") is None, reason="pdftoppm is not installed: sudo apt-get install poppler-utils"
)


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    return SandboxPki.open(tmp_path_factory.mktemp("appearance") / "pki", {"H06.15": "Sở mẫu"})


@pytest.fixture(scope="module")
def leader(pki):
    return pki.signer("H06.15", role="person")


@pytest.fixture(scope="module")
def agency(pki):
    return pki.signer("H06.15")


@pytest.fixture
def passed(pki):
    def judge(pdf):
        report = verify_bytes(pdf, policy=VN_2025, trust=pki.trust_store(), at=AT)
        return report.indication is Indication.TOTAL_PASSED

    return judge


def picture(size=(600, 240), colour=BLUE, *, ground=(0, 0, 0, 0), dpi=None):
    image = PIL.Image.new("RGBA", size, ground)
    PIL.ImageDraw.Draw(image).rectangle([4, 4, size[0] - 5, size[1] - 5], outline=colour, width=9)
    buffer = BytesIO()
    image.save(buffer, "PNG", **({"dpi": (dpi, dpi)} if dpi else {}))
    return buffer.getvalue()


def almost_opaque():
    """A white sheet with one transparent pixel: it passed, and covered title and name."""
    image = PIL.Image.open(BytesIO(picture(ground=(255, 255, 255, 255))))
    image.putpixel((0, 0), (0, 0, 0, 0))
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


SEAL_PNG = picture((600, 600), RED, dpi=600 / 36 * 25.4)


def cropped(pdf, left=40, bottom=30):
    """The page's own coordinates start elsewhere, and part of the sheet is not shown."""
    with pikepdf.open(BytesIO(pdf)) as opened:
        page = opened.pages[0]
        page.MediaBox = [-10, -10, *A4]
        page.CropBox = [left, bottom, *A4]
        buffer = BytesIO()
        opened.save(buffer, deterministic_id=True)
    return buffer.getvalue()


def letter(rotation=0, pages=1):
    """Text where a letter has it, none in the margins; the last page has title and name."""
    buffer = BytesIO()
    canvas = Canvas(buffer, pagesize=A4, invariant=1)
    for number in range(1, pages + 1):
        canvas.setFont("Helvetica-Bold", 12)
        canvas.drawCentredString(A4[0] * 0.7, A4[1] - 65, "QUOC HIEU - TIEU NGU")
        for line in range(20):
            canvas.drawString(
                85, A4[1] - 130 - 18 * line, "Noi dung van ban mau de thu vi tri chu ky so tren trang."
            )
        if number == pages:
            canvas.drawCentredString(MIDDLE, TITLE_Y, "GIAM DOC")
            canvas.drawCentredString(MIDDLE, NAME_Y, "Tran Thi Vi Du")
        canvas.setPageRotation(rotation)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def seen(pdf, tmp_path, page=1):
    """The page as poppler shows it, one pixel a point."""
    (tmp_path / "seen.pdf").write_bytes(pdf)
    command = ["pdftoppm", "-r", str(DPI), "-png", "-f", str(page), "-singlefile", "seen.pdf", "seen"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    return PIL.Image.open(tmp_path / "seen.png").convert("RGB")


def added(before, after, tmp_path, page=1):
    """The box of pixels that changed (left, top, right, bottom), and whether any covers what was there."""
    old, new = seen(before, tmp_path, page), seen(after, tmp_path, page)
    change = PIL.ImageChops.difference(old, new).convert("L").point(lambda v: 255 if v > 24 else 0)
    was_ink = old.convert("L").point(lambda v: 255 if v < 200 else 0)
    covered = PIL.ImageChops.multiply(change, was_ink).getbbox()
    return change.getbbox(), covered


def signed(pdf, key, appearance, role="person", **more):
    return sign_pdf(pdf, key, role=role, signed_at=AT, appearance=appearance, **more)


@needs_poppler
def test_a_leaders_image_stands_centred_between_title_and_name(leader, passed, tmp_path):
    pdf = letter()

    out = signed(pdf, leader, RULES.signature_of_person(picture(), PLACE))

    box, covered = added(pdf, out, tmp_path)
    assert covered is None, "neither title nor name is touched"
    left, top, right, bottom = box
    assert abs((left + right) / 2 - MIDDLE) <= 2
    assert A4[1] - TITLE_Y < top
    assert bottom < A4[1] - NAME_Y - 8
    assert abs((right - left) / (bottom - top) - 600 / 240) < 0.1, "its proportions are kept"
    assert right - left <= RULES.person.largest_width_mm * MM + 1
    assert passed(out)


@needs_poppler
def test_the_seal_covers_the_left_third_in_its_real_size(leader, agency, passed, tmp_path):
    one = signed(letter(), leader, RULES.signature_of_person(picture(), PLACE))

    two = signed(one, agency, RULES.seal_of_agency(SEAL_PNG), role="agency")

    (hand_left, _, hand_right, _), _ = added(letter(), one, tmp_path)
    (left, top, right, bottom), covered = added(one, two, tmp_path)
    assert abs(right - (hand_left + (hand_right - hand_left) / 3)) <= 2
    assert abs((right - left) - 36 * MM) <= 2, "36 mm, as the image's resolution says"
    assert abs((bottom - top) - 36 * MM) <= 2
    assert covered[0] >= hand_left - 1, "of the page it touches the leader's image alone"
    assert covered[2] <= right + 1
    assert two.startswith(one)
    assert passed(two)


@needs_poppler
def test_text_in_the_corner_stays_clear_of_the_page_and_of_other_text(agency, passed, tmp_path):
    pdf = letter()
    attached = signed(pdf, agency, RULES.mark_of_attachment("12/BC-STTTT"), role="agency")
    copied = signed(attached, agency, RULES.mark_of_copy("SAO Y", "Văn phòng UBND tỉnh (mẫu)"), role="copy")

    first, touched = added(pdf, attached, tmp_path)
    second, touched_too = added(attached, copied, tmp_path)

    assert touched is None
    assert touched_too is None
    assert first[2] <= A4[0] - 9 * MM
    assert second[2] < first[0], "beside each other"
    assert max(first[3], second[3]) < 55, "above the first line of the letter"
    assert passed(copied)


@needs_poppler
def test_a_long_name_stays_in_the_margin_above_the_text(agency, tmp_path):
    """It ran into the national motto, which begins 20 mm below the edge (NĐ 30/2020/NĐ-CP Phụ lục I)."""
    name = "Văn phòng Đoàn đại biểu Quốc hội và Hội đồng nhân dân tỉnh (mẫu), bộ phận văn thư lưu trữ"
    pdf = letter()

    out = signed(pdf, agency, RULES.mark_of_copy("SAO Y", name), role="copy")

    box, touched = added(pdf, out, tmp_path)
    assert touched is None
    assert box[3] <= 20 * MM
    with pytest.raises(HeldForPerson, match="SIGNATURE_PLACE_UNUSABLE"):
        signed(pdf, agency, RULES.mark_of_copy("SAO Y", name * 5), role="copy")


@needs_poppler
def test_text_says_number_form_agency_and_vietnams_time(agency, tmp_path):
    pdf = signed(letter(), agency, RULES.mark_of_attachment("12/BC-STTTT"), role="agency")
    pdf = signed(pdf, agency, RULES.mark_of_copy("SAO LỤC", "Ủy ban nhân dân tỉnh Đồng Nai"), role="copy")
    (tmp_path / "seen.pdf").write_bytes(pdf)

    text = subprocess.run(
        ["pdftotext", "-layout", tmp_path / "seen.pdf", "-"], capture_output=True, check=True
    )

    told = text.stdout.decode()
    for wanted in ("Kèm theo văn bản số: 12/BC-STTTT", "SAO LỤC", "Ủy ban nhân dân tỉnh Đồng Nai"):
        assert wanted in told
    assert told.count("2026-11-23T08:00:00+07:00") == 2


@needs_poppler
@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_page_that_lies_is_marked_upright_where_it_is_seen(leader, agency, passed, tmp_path, rotation):
    pdf = letter(rotation)
    out = signed(pdf, agency, RULES.mark_of_attachment("1/A"), role="agency")
    out = signed(out, leader, RULES.signature_of_person(picture(), Place(0, 100, 20, 160, 45)))
    sealed = signed(out, agency, RULES.seal_of_agency(SEAL_PNG), role="agency")

    width, height = seen(pdf, tmp_path).size
    corner, _ = added(pdf, signed(pdf, agency, RULES.mark_of_attachment("1/A"), role="agency"), tmp_path)
    seal, _ = added(out, sealed, tmp_path)
    assert corner[2] > width - 11 * MM - 2
    assert corner[3] < 16 * MM
    assert corner[2] - corner[0] > corner[3] - corner[1], "written from left to right"
    assert abs(height - (seal[1] + seal[3]) / 2 - 32.5 * MM) <= 2
    assert abs(seal[2] - 120 * MM) <= 3
    assert passed(sealed)


@needs_poppler
def test_places_are_meant_on_the_part_of_the_sheet_that_is_shown(leader, passed, tmp_path):
    pdf = cropped(letter())
    out = signed(pdf, leader, RULES.signature_of_person(picture(), Place(0, 10, 10, 70, 30)))

    (tmp_path / "cropped.pdf").write_bytes(out)
    command = ["pdftoppm", "-r", "72", "-cropbox", "-png", "-singlefile", "cropped.pdf", "cropped"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    image = PIL.Image.open(tmp_path / "cropped.png").convert("RGB")
    blue = image.split()[2].point(lambda v: 255 if 120 < v < 220 else 0)
    box = PIL.ImageChops.multiply(blue, image.split()[0].point(lambda v: 255 if v < 90 else 0)).getbbox()
    assert abs(box[0] - 15 * MM) <= 3, "50 mm wide by 20 high, in the middle of 60 by 20"
    assert abs(image.height - box[3] - 10 * MM) <= 3
    assert passed(out)


def with_page(pdf, **entries):
    with pikepdf.open(BytesIO(pdf)) as opened:
        for name, value in entries.items():
            opened.pages[0][f"/{name}"] = value
        buffer = BytesIO()
        opened.save(buffer, deterministic_id=True)
    return buffer.getvalue()


@needs_poppler
def test_what_a_page_would_crop_beyond_its_sheet_is_not_there(leader, tmp_path):
    """ISO 32000-2, 14.11.2.1: only what CropBox and MediaBox share is shown."""
    plain = letter()
    wide = with_page(plain, CropBox=[-100, -100, 2000, 2000])
    look = RULES.signature_of_person(picture(), PLACE)

    assert added(plain, signed(plain, leader, look), tmp_path) == added(
        wide, signed(wide, leader, look), tmp_path
    )


def test_millimetres_are_meant_on_a_page_of_larger_units(leader, agency):
    """A plan of three metres: /UserUnit 2 means that each of its units is two points (PDF 1.6)."""
    from pyhanko.pdf_utils.reader import PdfFileReader

    pdf = with_page(letter(), UserUnit=2)
    one = signed(pdf, leader, RULES.signature_of_person(picture(), Place(0, 200, 100, 260, 125)))
    two = signed(one, agency, RULES.seal_of_agency(SEAL_PNG), role="agency")

    hand, seal = (s.sig_field["/Rect"] for s in PdfFileReader(BytesIO(two)).embedded_signatures)
    assert abs(float(hand[0]) * 2 - 200 * MM) <= 2
    assert abs(float(seal[2] - seal[0]) * 2 - 36 * MM) <= 3, "in its real size"


def with_empty_field(pdf, rectangle, name="ChuKyLanhDao"):
    with pikepdf.open(BytesIO(pdf)) as opened:
        field = opened.make_indirect(
            pikepdf.Dictionary(
                Type=pikepdf.Name.Annot,
                Subtype=pikepdf.Name.Widget,
                FT=pikepdf.Name.Sig,
                T=pikepdf.String(name),
                Rect=pikepdf.Array(rectangle),
                P=opened.pages[0].obj,
                F=4,
            )
        )
        opened.pages[0].Annots = pikepdf.Array([field])
        opened.Root.AcroForm = pikepdf.Dictionary(Fields=pikepdf.Array([field]), SigFlags=1)
        buffer = BytesIO()
        opened.save(buffer, deterministic_id=True)
    return buffer.getvalue()


@needs_poppler
def test_a_field_without_a_place_does_not_swallow_the_signature(leader, passed, tmp_path):
    """A form had an empty field of that name and no size: what should be seen was signed and not shown."""
    pdf = with_empty_field(letter(), [0, 0, 0, 0])

    out = signed(pdf, leader, RULES.signature_of_person(picture(), PLACE))

    assert added(pdf, out, tmp_path)[0] is not None
    assert passed(out)
    with pytest.raises(HeldForPerson, match="SIGNATURE_PLACE_UNUSABLE"):
        signed(pdf, leader, RULES.signature_of_person(picture(), PLACE), field_name="ChuKyLanhDao")


@needs_poppler
def test_a_field_a_form_has_prepared_is_signed_where_it_stands(leader, passed, tmp_path):
    pdf = with_empty_field(letter(), [100, 200, 300, 250])

    out = signed(pdf, leader, RULES.signature_of_person(picture(), PLACE))

    left, top, right, bottom = added(pdf, out, tmp_path)[0]
    assert left >= 99
    assert right <= 301
    assert top >= A4[1] - 251
    assert bottom <= A4[1] - 199
    assert passed(out)


def test_the_last_page_is_meant_where_it_is_asked_for(leader, passed, tmp_path):
    out = signed(letter(pages=3), leader, RULES.signature_of_person(picture(), PLACE))

    assert passed(out)
    if shutil.which("pdftoppm"):
        assert added(letter(pages=3), out, tmp_path, page=1)[0] is None
        assert added(letter(pages=3), out, tmp_path, page=3)[0] is not None


def test_the_same_is_signed_the_same(leader):
    """A remote service recognises what it has signed already."""
    papers = {signed(letter(), leader, RULES.signature_of_person(picture(), PLACE)) for _ in range(2)}

    assert len(papers) == 1


@pytest.mark.parametrize(
    ("png", "told"),
    [
        (b"", "không phải tệp PNG"),
        (b"\x89PNG\r\n\x1a\nrubbish", "không phải tệp PNG"),
        (picture()[:200], "không phải tệp PNG"),
        (picture(ground=(255, 255, 255, 255)), "nền không trong suốt"),
        (almost_opaque(), "nền không trong suốt"),
        (picture(colour=(0, 0, 0, 0)), "ảnh trống"),
        (picture(colour=RED), "màu phải là xanh"),
        (picture(colour=(0, 0, 0, 255)), "màu phải là xanh"),
        (picture(size=(4001, 10)), "điểm ảnh"),
        (bytes(6 * 2**20), "5 MB"),
    ],
    ids=["empty", "rubbish", "cut", "opaque", "a hole", "nothing", "red", "black", "wide", "large"],
)
def test_an_image_the_rules_do_not_allow_is_refused(png, told):
    with pytest.raises(HeldForPerson) as refusal:
        RULES.signature_of_person(png, PLACE)

    assert refusal.value.code == "SIGNATURE_IMAGE_UNUSABLE"
    assert told in refusal.value.explanation_vi


def test_a_blue_seal_was_taken_for_a_signature():
    with pytest.raises(HeldForPerson, match="SIGNATURE_IMAGE_UNUSABLE"):
        RULES.seal_of_agency(picture())


@pytest.mark.parametrize(
    ("place", "told"),
    [
        (Place(0, 200, 20, 260, 45), "vượt ra ngoài"),
        (Place(0, -50, 20, 5, 45), "vượt ra ngoài"),
        (Place(0, 50, 45, 40, 20), "vượt ra ngoài"),
        (Place(7, 50, 20, 100, 45), "1 trang"),
        (Place(-2, 50, 20, 100, 45), "1 trang"),
    ],
)
def test_a_place_that_is_none_signs_nothing(leader, place, told):
    with pytest.raises(HeldForPerson) as refusal:
        signed(letter(), leader, RULES.signature_of_person(picture(), place))

    assert refusal.value.code == "SIGNATURE_PLACE_UNUSABLE"
    assert told in refusal.value.explanation_vi


def test_a_seal_waits_for_the_leaders_signature(leader, agency, passed):
    """NĐ 30/2020, Điều 32-33: the clerk seals what the leader has signed."""
    unseen = sign_pdf(letter(), leader, role="person", signed_at=AT)
    for pdf in (letter(), unseen):
        with pytest.raises(HeldForPerson, match="SIGNATURE_PLACE_UNUSABLE"):
            signed(pdf, agency, RULES.seal_of_agency(SEAL_PNG), role="agency")

    assert passed(signed(unseen, agency, RULES.seal_of_agency(SEAL_PNG, place=PLACE), role="agency"))


@pytest.mark.parametrize(
    ("dpi", "width_mm"), [(None, 36.0), (2, 36.0), (9000, 36.0), (600 / 30 * 25.4, 30.0)]
)
def test_a_seals_size_is_its_real_one_where_the_image_tells_a_likely_one(leader, agency, dpi, width_mm):
    from pyhanko.pdf_utils.reader import PdfFileReader

    one = signed(letter(), leader, RULES.signature_of_person(picture(), PLACE))
    two = signed(one, agency, RULES.seal_of_agency(picture((600, 600), RED, dpi=dpi)), role="agency")

    left, _, right, _ = PdfFileReader(BytesIO(two)).embedded_signatures[1].sig_field["/Rect"]
    assert abs(float(right - left) - width_mm * MM) <= 1


def test_the_rules_say_how_sure_they_are_and_can_be_replaced(tmp_path):
    text = (
        "name='khac'\nversion=2\nsource='quy chế'\n[person]\ncertainty='verified'\ncolour='any'\n"
        "largest_width_mm=30\nlargest_height_mm=10\n[agency]\ncertainty='verified'\ncolour='any'\nwidth_mm=40\n"
        "smallest_width_mm=20\nlargest_width_mm=60\noverlap=0.5\n"
    )
    corner = "certainty='verified'\nlines=['x']\ntop_mm=1\nright_mm=1\nlargest_width_mm=9\n"
    corner += "font_size=8\nleading=9\n"
    (tmp_path / "r.toml").write_text(f"{text}[attachment]\n{corner}[copy]\n{corner}", "utf-8")

    rules = AppearanceRules.read(tmp_path / "r.toml")

    assert {RULES.person.certainty, RULES.agency.certainty, RULES.copy_.certainty} == {"remembered"}
    assert (rules.agency.width_mm, rules.person.colour) == (40, "any")
    assert rules.signature_of_person(picture(colour=RED), PLACE)
    (tmp_path / "r.toml").write_text("name='x'", "utf-8")
    with pytest.raises(ValueError, match="person"):
        AppearanceRules.read(tmp_path / "r.toml")
