/*
 * Prints what an installed ICU knows of the order of a locale; read by `scripts/collations.mjs`.
 *
 * Usage: collations LOCALE   (`root` for the order that the others change)
 *
 *   version V                     of ICU's algorithm and data
 *   unicode V
 *   setting NAME VALUE            attributes that the locale sets, as ICU's numbers
 *   boundary NAME PRIMARY         the last primary weight of a group that maxVariable names
 *   class POINT CLASS             canonical combining classes other than 0 (root only)
 *   ideographs FROM TO            unified ideographs (root only)
 *   order FROM TO                 a primary weight, and what it is where the scripts are reordered
 *   map POINT…:ELEMENT…           a code point, or several that count as one; elements are pairs of 32 bits
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/ucol.h>
#include <unicode/ucoleitr.h>
#include <unicode/uset.h>
#include <unicode/ustring.h>

static UErrorCode status = U_ZERO_ERROR;
static UCollator *collator;
static UCollationElements *elements;
static UBool is_root;

static void check(const char *what) {
  if (U_FAILURE(status)) {
    fprintf(stderr, "%s: %s\n", what, u_errorName(status));
    exit(1);
  }
}

static void print_map(const UChar *text, int32_t length) {
  ucol_setText(elements, text, length, &status);
  printf("map");
  for (int32_t at = 0; at < length;) {
    UChar32 point;
    U16_NEXT(text, at, length, point);
    printf(" %X", point);
  }
  printf(":");
  for (int32_t element; (element = ucol_next(elements, &status)) != UCOL_NULLORDER;) printf(" %X", (uint32_t)element);
  printf("\n");
  check("elements");
}

static void print_points(void) {
  for (UChar32 point = 0; point <= 0x10FFFF; point++) {
    if (U_IS_SURROGATE(point) || (point >= 0xAC00 && point <= 0xD7A3)) continue;
    if (u_charType(point) == U_PRIVATE_USE_CHAR) continue;
    if (u_charType(point) == U_UNASSIGNED && point != 0xFFFE && point != 0xFFFF) continue;
    UChar text[2];
    int32_t length = 0;
    U16_APPEND_UNSAFE(text, length, point);
    print_map(text, length);
    if (is_root && u_getCombiningClass(point) != 0) printf("class %X %d\n", point, u_getCombiningClass(point));
  }
}

static void print_ideographs(void) {
  USet *ideographs = uset_openEmpty();
  uset_applyIntPropertyValue(ideographs, UCHAR_UNIFIED_IDEOGRAPH, 1, &status);
  check("ideographs");
  for (int32_t item = 0; item < uset_getItemCount(ideographs); item++) {
    UChar32 start, end;
    uset_getItem(ideographs, item, &start, &end, NULL, 0, &status);
    printf("ideographs %X %X\n", start, end);
  }
}

static void print_contractions(const char *locale) {
  UCollator *of = ucol_open(locale, &status);
  USet *strings = uset_openEmpty();
  ucol_getContractionsAndExpansions(of, strings, NULL, 1, &status);
  USet *tailored = ucol_getTailoredSet(collator, &status);
  uset_addAll(strings, tailored);
  check("sets");
  for (int32_t item = 0; item < uset_getItemCount(strings); item++) {
    UChar text[64];
    UChar32 start, end;
    int32_t length = uset_getItem(strings, item, &start, &end, text, 64, &status);
    if (length >= 2) print_map(text, length);
  }
  ucol_close(of);
}

/* The primary weights of a character, as a sort key has them and as its elements have them. */
static void print_order(void) {
  if (ucol_getReorderCodes(collator, NULL, 0, &status) == 0) return;
  status = U_ZERO_ERROR;
  ucol_setStrength(collator, UCOL_PRIMARY);
  ucol_setAttribute(collator, UCOL_ALTERNATE_HANDLING, UCOL_NON_IGNORABLE, &status);
  for (UChar32 point = 0x20; point <= 0x10FFFF; point++) {
    if (U_IS_SURROGATE(point) || u_charType(point) == U_UNASSIGNED) continue;
    UChar text[2];
    int32_t length = 0;
    U16_APPEND_UNSAFE(text, length, point);
    ucol_setText(elements, text, length, &status);
    uint32_t first = (uint32_t)ucol_next(elements, &status);
    int32_t second = ucol_next(elements, &status);
    if (first == (uint32_t)UCOL_NULLORDER || (first >> 16) == 0) continue;
    UBool continued = second != UCOL_NULLORDER && (second & 0xC0) == 0xC0;
    if (second != UCOL_NULLORDER && (!continued || ucol_next(elements, &status) != UCOL_NULLORDER)) continue;
    uint32_t primary = (first & 0xFFFF0000) | (continued ? (uint32_t)second >> 16 : 0);
    uint8_t key[32] = {0};
    ucol_getSortKey(collator, text, length, key, sizeof key);
    uint32_t written = 0;
    for (int byte = 0, ended = 0; byte < 4; byte++) {
      if (key[byte] <= 1) ended = 1;
      written = (written << 8) | (ended ? 0 : key[byte]);
    }
    printf("order %X %X\n", primary, written);
  }
}

static void print_setting(const char *name, UColAttribute attribute) {
  printf("setting %s %d\n", name, ucol_getAttribute(collator, attribute, &status));
}

static void print_settings(void) {
  UVersionInfo version;
  char text[U_MAX_VERSION_STRING_LENGTH];
  ucol_getVersion(collator, version);
  u_versionToString(version, text);
  printf("version %s\n", text);
  u_getUnicodeVersion(version);
  u_versionToString(version, text);
  printf("unicode %s\n", text);
  print_setting("strength", UCOL_STRENGTH);
  print_setting("alternate", UCOL_ALTERNATE_HANDLING);
  print_setting("caseFirst", UCOL_CASE_FIRST);
  print_setting("caseLevel", UCOL_CASE_LEVEL);
  print_setting("backwards", UCOL_FRENCH_COLLATION);
  print_setting("normalization", UCOL_NORMALIZATION_MODE);
  print_setting("numericOrdering", UCOL_NUMERIC_COLLATION);
  printf("setting maxVariable %d\n", ucol_getMaxVariable(collator));
  UColReorderCode groups[] = {UCOL_REORDER_CODE_SPACE, UCOL_REORDER_CODE_PUNCTUATION, UCOL_REORDER_CODE_SYMBOL,
                              UCOL_REORDER_CODE_CURRENCY};
  const char *names[] = {"space", "punct", "symbol", "currency"};
  for (int group = 0; group < 4 && is_root; group++) {
    ucol_setMaxVariable(collator, groups[group], &status);
    printf("boundary %s %X\n", names[group], ucol_getVariableTop(collator, &status));
  }
  check("settings");
}

int main(int count, char **arguments) {
  if (count != 2) return 2;
  is_root = strcmp(arguments[1], "root") == 0;
  collator = ucol_open(arguments[1], &status);
  check("open");
  if (!is_root && status == U_USING_DEFAULT_WARNING) return 3;
  print_settings();
  ucol_setAttribute(collator, UCOL_NORMALIZATION_MODE, UCOL_OFF, &status);
  UChar none = 0;
  elements = ucol_openElements(collator, &none, 0, &status);
  check("elements");
  print_points();
  if (is_root) print_ideographs();
  print_contractions(arguments[1]);
  if (!is_root) print_contractions("root");
  if (!is_root) print_order();
  return 0;
}
