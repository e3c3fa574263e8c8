/**
 * What abbreviations of zones mean where a date is read: those of PostgreSQL 15's set `Default`. Some are an offset, seconds
 * east of UTC, with a `D` where it is daylight saving time; the others meant different ones in the course of time, and a zone
 * knows which.
 */
const offsets = `
  EAT 10800, SAST 7200, WAT 3600, ACT -18000, AKDT -28800 D, AKST -32400, BOT -14400, BRA -10800, BRST -7200 D,
  BRT -10800, COT -18000, CDT -18000 D, CLST -10800 D, CST -21600, EDT -14400 D, EGST 0 D, EGT -3600, EST -18000,
  FNT -7200, FNST -3600 D, GFT -10800, MDT -21600 D, MST -25200, NDT -9000 D, NFT -12600, NST -12600, PET -18000,
  PDT -25200 D, PMDT -7200 D, PMST -10800, PST -28800, PYST -10800 D, UYST -7200 D, UYT -10800, WGST -7200 D,
  WGT -10800, DDUT 36000, AFT 16200, ALMT 21600, ALMST 25200 D, AMT -14400, BDT 21600, BNT 28800, BORT 28800,
  BTT 21600, CCT 28800, HKT 28800, ICT 25200, IDT 10800 D, IRT 12600, IST 7200, JAYT 32400, JST 32400, KDT 36000 D,
  KGST 21600 D, KST 32400, MMT 23400, MYT 28800, NPT 20700, PHT 28800, PKT 18000, PKST 21600 D, TJT 18000,
  ULAST 32400 D, UZST 21600 D, UZT 18000, XJT 21600, YEKST 21600 D, ADT -10800 D, AST -14400, AZOST 0 D, AZOT -3600,
  ACSST 37800 D, ACDT 37800 D, ACST 34200, ACWST 31500, AESST 39600 D, AEDT 39600 D, AEST 36000, AWSST 32400 D,
  AWST 28800, CADT 37800 D, CAST 34200, LHST 37800, LIGT 36000, NZT 43200, SADT 37800 D, WADT 28800 D, WAST 25200,
  WDT 32400 D, GMT 0, UCT 0, UT 0, UTC 0, Z 0, ZULU 0, BST 3600 D, BDST 7200 D, CEST 7200 D, CET 3600,
  CETDST 7200 D, EEST 10800 D, EET 7200, EETDST 10800 D, FET 10800, MEST 7200 D, MESZ 7200 D, MET 3600,
  METDST 7200 D, MEZ 3600, MSD 14400 D, WET 0, WETDST 3600 D, CXT 25200, MUT 14400, MUST 18000 D, MVT 18000,
  RET 14400, SCT 14400, TFT 18000, CHADT 49500 D, CHAST 45900, CHUT 36000, FJST 46800 D, FJT 43200, GALT -21600,
  GAMT -32400, GILT 43200, HST -36000, MART -34200, MHT 43200, MPT 36000, NZDT 46800 D, NZST 43200, PGT 36000,
  PONT 39600, PWT 32400, TAHT -36000, TOT 46800, TRUT 36000, TVT 43200, VUT 39600, WAKT 43200, WFT 43200,
  YAPT 36000
`

const zones = `
  ART America/Argentina/Buenos_Aires, ARST America/Argentina/Buenos_Aires, CLT America/Santiago, GYT America/Guyana,
  PYT America/Asuncion, VET America/Caracas, DAVT Antarctica/Davis, MAWT Antarctica/Mawson, AMST Asia/Yerevan,
  ANAST Asia/Anadyr, ANAT Asia/Anadyr, AZST Asia/Baku, AZT Asia/Baku, GEST Asia/Tbilisi, GET Asia/Tbilisi,
  IRKST Asia/Irkutsk, IRKT Asia/Irkutsk, KGT Asia/Bishkek, KRAST Asia/Krasnoyarsk, KRAT Asia/Krasnoyarsk,
  LKT Asia/Colombo, MAGST Asia/Magadan, MAGT Asia/Magadan, NOVST Asia/Novosibirsk, NOVT Asia/Novosibirsk,
  OMSST Asia/Omsk, OMST Asia/Omsk, PETST Asia/Kamchatka, PETT Asia/Kamchatka, SGT Asia/Singapore, TMT Asia/Ashgabat,
  ULAT Asia/Ulaanbaatar, VLAST Asia/Vladivostok, VLAT Asia/Vladivostok, YAKST Asia/Yakutsk, YAKT Asia/Yakutsk,
  YEKT Asia/Yekaterinburg, FKST Atlantic/Stanley, FKT Atlantic/Stanley, LHDT Australia/Lord_Howe, MSK Europe/Moscow,
  VOLT Europe/Volgograd, IOT Indian/Chagos, CKT Pacific/Rarotonga, EASST Pacific/Easter, EAST Pacific/Easter,
  KOST Pacific/Kosrae, LINT Pacific/Kiritimati, NUT Pacific/Niue, TKT Pacific/Fakaofo
`

export type Abbreviation = { readonly offsetSeconds: number; readonly isDaylight: boolean } | { readonly zone: string }

/** By the abbreviation in capitals. */
export const abbreviations: ReadonlyMap<string, Abbreviation> = new Map<string, Abbreviation>([
  ...entriesOf(offsets).map(
    ([name = '', offset, mark]) => [name, { offsetSeconds: Number(offset), isDaylight: mark === 'D' }] as const,
  ),
  ...entriesOf(zones).map(([name = '', zone = '']) => [name, { zone }] as const),
])

function entriesOf(text: string): string[][] {
  return text.split(',').map((entry) => entry.trim().split(' '))
}
