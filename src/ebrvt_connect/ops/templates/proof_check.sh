#!/bin/sh
# Kiểm tra bộ bằng chứng này mà không cần phần mềm đã tạo ra nó: chỉ cần sh, sha256sum và openssl.
#
#     sh check.sh [CHUNG-THU-GOC.pem [GOC-CHU-KY.pem]]
#
# CHUNG-THU-GOC.pem: chứng thư gốc của tổ chức cấp dấu thời gian mà chính bạn tin cậy. Không ghi thì dùng
# tsa-roots.pem kèm theo, là những gì nơi xuất bằng chứng tin cậy.
# GOC-CHU-KY.pem: chứng thư gốc của các tổ chức chứng thực chữ ký số mà bạn tin cậy; không bắt buộc.
# Mã thoát: 0 đúng, 1 có chỗ sai, 2 chưa kết luận được (chưa có dấu thời gian, thiếu nội dung hay công cụ).
LC_ALL=C
export LC_ALL
whole() { case $1 in '' | /*) echo "$1" ;; *) echo "$(pwd)/$1" ;; esac; }
ca=$(whole "${1:-}")
signers=$(whole "${2:-}")
cd "$(dirname "$0")" || exit 2
for tool in sha256sum openssl find sort sed grep cut head tail cat tr wc od; do
    command -v $tool >/dev/null || { echo "Thiếu công cụ $tool."; exit 2; }
done
wrong=0
open=0
bad() { echo "SAI   $1: $2"; wrong=1; }
unsure() { echo "CHỜ   $1: $2"; open=1; }
good() { echo "ĐÚNG  $1"; }
hash_of() { sha256sum | cut -c1-64; }
plain() { [ "$(tr -d '\000-\011\013-\037\177-\377' <"$1" | wc -c)" -eq "$(wc -c <"$1")" ]; }
value() { sed -n "s/^$1: //p" "$2" | head -n 1; }

# 1. Các tệp đúng như danh sách.
if grep -Evq '^[0-9a-f]{64}  [A-Za-z0-9._/-]+$' SHA256SUMS ||
    [ "$(cut -c67- SHA256SUMS)" != "$(find . -type f ! -name SHA256SUMS | sed 's/^..//' | sort)" ]
then
    bad PROOF_FILES_DIFFER "các tệp không đúng như SHA256SUMS liệt kê"
fi
sha256sum -c SHA256SUMS >/dev/null 2>&1 || bad PROOF_FILES_DIFFER "có tệp khác SHA256SUMS"
if [ -n "$(find . ! -type f ! -type d)" ]; then
    bad PROOF_FILES_DIFFER "có thứ không phải tệp hay thư mục"
fi

# 2. Từng mục: băm lại thành mắt xích, đi theo đường dẫn lên gốc mà niêm phong ghi.
entries=0
records=
for folder in entries/*; do
    entry=$folder/entry.txt
    place=$folder/place.txt
    [ -f "$entry" ] && [ -f "$place" ] || { bad PROOF_ENTRY_CHANGED "$folder thiếu tệp"; continue; }
    entries=$((entries + 1))
    number=$(value number "$place")
    previous=$(value previous "$place")
    seal=$(value seal "$place")
    case $number:${seal#-} in
    :* | *[!0-9:]* | ???????????????????*:* | *:???????????????????*)
        bad PROOF_ENTRY_CHANGED "$folder có số thứ tự lạ"
        continue
        ;;
    esac
    written=$(printf '%s\n' 'ebrvt-proof-place 1' "number: $number" "previous: $previous" \
        "hash: $(value hash "$place")" "seal: $seal")
    if [ "$(head -n 5 "$place")" != "$written" ] || ! plain "$place" ||
        sed 1,5d "$place" | grep -Evq '^[LR] [0-9a-f]{64}$'; then
        bad PROOF_ENTRY_CHANGED "$place không đúng định dạng"
    fi
    hash=$( { printf '%s %s\n' "$number" "$previous"; cat "$entry"; } | hash_of)
    if [ "$hash" != "$(value hash "$place")" ]; then
        bad PROOF_ENTRY_CHANGED "mục $number không khớp mã băm của nó"
    fi
    while read -r side other; do
        case $side in
        L) hash=$(printf '%s %s\n' "$other" "$hash" | hash_of) ;;
        R) hash=$(printf '%s %s\n' "$hash" "$other" | hash_of) ;;
        esac
    done <"$place"
    if [ "$seal" = - ]; then
        unsure PROOF_UNSEALED "mục $number chưa được niêm phong"
    elif [ ! -f "seals/$seal.txt" ] || [ "$seal" != "$(value seal "seals/$seal.txt")" ] ||
        [ "$hash" != "$(value root "seals/$seal.txt")" ] ||
        [ "$number" -lt "$(value first "seals/$seal.txt")" ] ||
        [ "$number" -gt "$(value last "seals/$seal.txt")" ]; then
        bad PROOF_PATH_BROKEN "mục $number không dẫn tới niêm phong $seal"
    else
        good "mục $number thuộc niêm phong $seal"
    fi
    records="$records content/$(value record-sha256 "$entry")"
    # 3. Nội dung mà mục ghi mã băm.
    for pair in $(sed -n 's/^\([a-z]*\)-sha256: \([0-9a-f]*\)$/\1:\2/p' "$entry"); do
        role=${pair%%:*}
        sum=${pair#*:}
        if [ ! -f "content/$sum" ]; then
            unsure PROOF_CONTENT_ABSENT "mục $number: không kèm nội dung “$role”"
        elif [ "$(hash_of <"content/$sum")" != "$sum" ]; then
            bad PROOF_CONTENT_CHANGED "mục $number: nội dung “$role” đã bị sửa"
        fi
    done
done
[ $entries -gt 0 ] || bad PROOF_EMPTY "không có mục nào"
for file in content/*; do
    [ ! -f "$file" ] || [ "$(hash_of <"$file")" = "${file#content/}" ] ||
        bad PROOF_CONTENT_CHANGED "$file không có mã băm như tên của nó"
done

# 4. Chữ ký số tách riêng: có đúng là của tệp mà nó nêu, và có khớp từng byte của tệp đó không.
covered() {
    case $covers in
    around*) head -c "$start" "$signed" && tail -c +$((stop + 1)) "$signed" | head -c $((end - stop)) ;;
    *) cat "$signed" ;;
    esac
}
verified() {
    if [ "$covers" = inside ]; then
        openssl cms -verify -binary -inform DER -in "$p7s" -out /dev/null "$@"
    else
        covered | openssl cms -verify -binary -inform DER -in "$p7s" -content /dev/stdin -out /dev/null "$@"
    fi 2>/dev/null
}
in_place() {
    der=$(od -An -v -tx1 "$p7s" | tr -d ' \n')
    place=$(tail -c +$((start + 1)) "$signed" | head -c $((stop - start)) | tr -d '<> \r\n\t' | tr A-F a-f)
    case $place in
    "$der"*) [ -n "$der" ] && [ -z "$(printf %s "${place#"$der"}" | tr -d 0)" ] ;;
    *) return 1 ;;
    esac
}
for about in signatures/*.txt; do
    [ -f "$about" ] || continue
    p7s=${about%.txt}.p7s
    file=$(value file "$about")
    covers=$(value covers "$about")
    holds=$(value holds "$about")
    signed=content/$file
    numbers=$(printf '%s\n' "$covers" | sed -n 's/^around \([0-9]\{1,12\}\) \([0-9]\{1,12\}\) \([0-9]\{1,12\}\)$/\1 \2 \3/p')
    start=$(printf %s "$numbers" | cut -d' ' -f1)
    stop=$(printf %s "$numbers" | cut -d' ' -f2)
    end=$(printf %s "$numbers" | cut -d' ' -f3)
    written=$(printf '%s\n' 'ebrvt-proof-signature 1' "file: $file" "covers: $covers" "holds: $holds")
    case $covers:$holds in
    all:yes | all:- | inside:yes | inside:-) ;;
    around*:yes | around*:-) [ -n "$numbers" ] || written= ;;
    *) written= ;;
    esac
    if [ "$(cat "$about")" != "$written" ] || [ ! -f "$p7s" ] || [ ! -f "$signed" ]; then
        bad PROOF_SIGNATURE_WRONG "$about không đúng định dạng, hoặc thiếu tệp"
        continue
    fi
    # shellcheck disable=SC2086 - tên tệp trong $records chỉ gồm chữ số thập lục phân
    if ! grep -qs -- "$file" entries/*/entry.txt $records; then
        bad PROOF_SIGNATURE_WRONG "$about nêu tệp không thuộc mục nào"
        continue
    fi
    case $covers in
    around*) in_place || { bad PROOF_SIGNATURE_WRONG "$p7s không phải chữ ký nằm trong $signed"; continue; } ;;
    esac
    signer=$(verified -noverify -signer /dev/stdout |
        openssl x509 -noout -subject -nameopt utf8,sep_comma_plus_space -fingerprint -sha256 2>/dev/null)
    if [ -n "$signer" ]; then
        good "chữ ký $about khớp nội dung $signed"
        printf '%s\n' "$signer" | sed 's/^/      /'
        if [ -n "$signers" ] && verified -CAfile "$signers" -purpose any -no_check_time; then
            echo "      thuộc gốc trong $signers"
        elif [ -n "$signers" ]; then
            echo "      KHÔNG thuộc gốc nào trong $signers"
        fi
    elif [ "$holds" = yes ]; then
        bad PROOF_SIGNATURE_WRONG "$p7s không phải chữ ký trên $signed"
    else
        echo "XEM   $about: openssl không xác nhận được chữ ký này; xem kết quả kiểm tra (verdict)"
    fi
done

# 5. Dấu thời gian trên từng niêm phong.
[ -n "$ca" ] || ca=tsa-roots.pem
[ ! -f "$ca" ] || echo "Chứng thư gốc: $(openssl x509 -in "$ca" -noout -fingerprint -sha256 2>/dev/null)"
for statement in seals/*.txt; do
    [ -f "$statement" ] || continue
    token=${statement%.txt}.tst
    if [ ! -f "$token" ]; then
        unsure PROOF_UNSTAMPED "$statement chưa có dấu thời gian"
    elif [ ! -f "$ca" ]; then
        unsure PROOF_NO_ROOTS "không có chứng thư gốc để kiểm tra $token; gọi: sh check.sh CHUNG-THU-GOC.pem"
    else
        at=$(openssl ts -reply -in "$token" -token_in -token_out -text 2>/dev/null |
            sed -n 's/^Time stamp: //p')
        # Chứng thư của tổ chức cấp dấu thời gian phải có hiệu lực lúc đó, không phải lúc kiểm tra.
        when=$(date -u -d "$at" +%s 2>/dev/null) && when="-attime $when" || when=-no_check_time
        if openssl ts -verify -data "$statement" -in "$token" -token_in -CAfile "$ca" $when \
            >/dev/null 2>&1; then
            good "$statement có dấu thời gian lúc $at"
        else
            bad PROOF_SEAL_WRONG "$token không phải của $statement, hoặc không thuộc gốc tin cậy"
        fi
    fi
done
if [ $wrong -ne 0 ]; then
    echo "KẾT LUẬN: KHÔNG ĐÚNG"
    exit 1
fi
if [ $open -ne 0 ]; then
    echo "KẾT LUẬN: chưa đủ để kết luận"
    exit 2
fi
echo "KẾT LUẬN: ĐÚNG"
